"""The Gregorian calendar in plain arithmetic: days since 1970 and back.

Howard Hinnant, "chrono-compatible low-level date algorithms": years begin in March,
so that the leap day is their last.
"""

from typing import Final

_EPOCH_TO_MARCH_YEAR_0: Final = 719_468  # days from 0000-03-01 to 1970-01-01
_ERA_DAYS: Final = 146_097  # days in 400 years


def civil(day: int) -> tuple[int, int, int]:
    """Return (year, month, day of the month) of a day since 1970-01-01."""
    era, of_era = divmod(day + _EPOCH_TO_MARCH_YEAR_0, _ERA_DAYS)
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    march_based = (5 * of_year + 2) // 153
    of_month = of_year - (153 * march_based + 2) // 5 + 1
    month = march_based + 3 if march_based < 10 else march_based - 9
    return era * 400 + year + (month <= 2), month, of_month


def day_of(year: int, month: int, of_month: int) -> int:
    """Return the day since 1970-01-01; a day behind the month's end is in the next."""
    march_year = year - (month <= 2)
    march_based = month - 3 if month > 2 else month + 9
    era, of_era = divmod(march_year, 400)
    of_year = (153 * march_based + 2) // 5 + of_month - 1
    days = of_era * 365 + of_era // 4 - of_era // 100 + of_year
    return era * _ERA_DAYS + days - _EPOCH_TO_MARCH_YEAR_0


def months_before(day: int, months: int) -> int:
    """Return the same day of an earlier month; what that month lacks is in the next."""
    year, month, of_month = civil(day)
    earlier_year, earlier_month = divmod(year * 12 + month - 1 - months, 12)
    return day_of(earlier_year, earlier_month + 1, of_month)
