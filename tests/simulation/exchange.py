"""One request between two vaults, as the weather lets it go there and back."""

from typing import TYPE_CHECKING

from holdfast.vault.core import effects as fx
from holdfast.vault.core import events as ev
from simulation.sim_vault import SimVault

if TYPE_CHECKING:
    from simulation.universe import Universe


class Exchange:
    """One request on its way there and back; it ends once, or runs into its time."""

    __slots__ = ("_call", "_caller", "_ended", "_life", "_target", "_universe")

    def __init__(
        self, universe: "Universe", caller: SimVault, target: SimVault, call: fx.Call
    ) -> None:
        self._universe = universe
        self._caller = caller
        self._target = target
        self._call = call
        self._life = caller.life
        self._ended = False

    def send(self) -> None:
        weather, clock = self._universe.weather, self._universe.clock
        copies = weather.copies()
        if self._is_lost():
            self._time_out()
            return
        for _ in range(copies):
            clock.after(weather.delay() + self._target.slow_seconds, self._arrive)

    def _is_lost(self) -> bool:
        weather = self._universe.weather
        if weather.sides and weather.split(self._caller.number, self._target.number):
            return True
        return weather.lost()

    def _arrive(self) -> None:
        universe, target = self._universe, self._target
        if not target.alive:
            self._time_out()
            return
        token = next(universe.tokens)
        universe.replies[token] = self._answered
        target.deliver(ev.Asked(universe.clock.now, token, self._call.request))
        if token in universe.replies:
            self._time_out()

    def _answered(self, effect: fx.Reply | fx.Refuse) -> None:
        if isinstance(effect, fx.Reply):
            heard = self._universe.consistency
            heard.replied(self._target, self._call.request, effect.reply)
        if self._is_lost():
            self._time_out()
            return
        universe = self._universe
        universe.clock.after(universe.weather.delay(), lambda: self._back(effect))

    def _back(self, effect: fx.Reply | fx.Refuse) -> None:
        call, now = self._call, self._universe.clock.now
        if isinstance(effect, fx.Reply):
            self._end(ev.Replied(now, call.peer, call.request, effect.reply))
        else:
            kind, reason = effect.kind, effect.reason
            self._end(ev.Unanswered(now, call.peer, call.request, kind, reason))

    def _time_out(self) -> None:
        call, universe = self._call, self._universe

        def act() -> None:
            text = "no answer in time"
            now = universe.now
            self._end(ev.Unanswered(now, call.peer, call.request, None, text))

        universe.clock.after(call.seconds, act)

    def _end(self, event: ev.Event) -> None:
        if not self._ended and self._caller.life == self._life:
            self._ended = True
            self._caller.deliver(event)
