"""The tables of the audit side: what `audit_journal` reads and writes."""

from typing import Final

VERSION: Final = 3

SCHEMA: Final = """
CREATE TABLE entries (root BLOB PRIMARY KEY, entries BLOB NOT NULL, heads BLOB)
  WITHOUT ROWID;
CREATE TABLE checkpoints (
  epoch INTEGER PRIMARY KEY, checkpoint BLOB NOT NULL, root BLOB NOT NULL,
  standing BLOB);
CREATE TABLE acknowledged (
  vault BLOB PRIMARY KEY, epoch INTEGER NOT NULL, checkpoint BLOB NOT NULL,
  root BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE votes (
  vault BLOB NOT NULL, epoch INTEGER NOT NULL, checkpoint BLOB NOT NULL,
  answer BLOB NOT NULL, PRIMARY KEY (vault, epoch)) WITHOUT ROWID;
CREATE TABLE audits (
  epoch INTEGER PRIMARY KEY, outcome TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE certificates (
  vault BLOB NOT NULL, epoch INTEGER NOT NULL, certificate BLOB NOT NULL,
  PRIMARY KEY (vault, epoch)) WITHOUT ROWID;
CREATE TABLE collected (
  vault BLOB NOT NULL, epoch INTEGER NOT NULL, checkpoint BLOB NOT NULL,
  certificate BLOB NOT NULL, root BLOB NOT NULL, seconds REAL NOT NULL,
  PRIMARY KEY (vault, epoch, checkpoint)) WITHOUT ROWID;
CREATE TABLE settlements (
  period INTEGER PRIMARY KEY, certificate BLOB NOT NULL, totals BLOB NOT NULL);
CREATE TABLE records (
  vault BLOB PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
"""
