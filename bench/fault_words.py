"""Who says what when a run of several ranks ends: each rank for itself, and the launcher apart from them."""
import re
from collections import defaultdict

# Ranks from 1 on put their number before a line; rank 0 and the launcher do not. The launcher knows no host.
LINE = re.compile(r"^(?:\[rank (\d+)\] )?error: (.*)$", re.MULTILINE)
OF_LAUNCHER = re.compile(r"rank \d+ \(process \d+\) ")
BLAMED_BY_RANK = re.compile(r"rank (\d+)(?: on \S+ \(process \d+\))?(?:, and ranks? ([\d, ]+)|, which keeps the ranks together,)? "
                            r"(?:has ended without a word|gives? no sign of life|stands? still|has gone|has not answered)")
BLAMED_BY_LAUNCHER = re.compile(r"rank (\d+) \(process \d+\) was killed by|by SIGKILL alone ended (.*)")
EVERYBODY = re.compile(r"all \d+ ranks stand still")
PLACE = re.compile(r"(?:last seen|stands? still) (?:while (setting up)|(?:at|after) iteration \d+ \(([^)]+)\))")


class Words:
    """The errors that the logs of a run hold."""

    def __init__(self, logs):
        self.ranks = defaultdict(str)  # rank -> its lines
        self.launcher = ""
        for rank, text in (line for log in logs for line in LINE.findall(log)):
            if not rank and OF_LAUNCHER.match(text):
                self.launcher += text + "\n"
            else:
                self.ranks[int(rank or 0)] += text + "\n"

    def blamed_by_rank(self, rank):
        return {int(number) for match in BLAMED_BY_RANK.findall(self.ranks[rank]) for number in re.findall(r"\d+", " ".join(match))}

    def blamed_by_launcher(self):
        found = set()
        for killed, ended in BLAMED_BY_LAUNCHER.findall(self.launcher):
            found |= {int(killed)} if killed else {int(number) for number in re.findall(r"rank (\d+)", ended)}
        return found

    def blames_everybody(self, rank):
        """All stand at one place: nobody can tell for whom the others wait."""
        return bool(EVERYBODY.search(self.ranks[rank]))

    def phases(self, rank):
        """What the culprit was doing, as this rank has it."""
        return {setup or phase for setup, phase in PLACE.findall(self.ranks[rank])}
