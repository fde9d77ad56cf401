"""A simulated world in which processes are killed, stopped and started, and clocks jump, by chance."""

from __future__ import annotations

from simulated_world import World

WORKS = ("a", "b")
STOPS = (1.0, 30.0, 61.0, 90.0, 400.0)
JUMPS = (-100.0, -30.0, 1.0, 61.0, 86400.0)


class Chaos(World):
    """A world in which things happen by chance, until enough has happened."""

    wanted = WORKS

    def __init__(self, seed, **options):
        super().__init__(seed, faulty=0.3, failing=0.15, **options)
        self.blows = self.chance.randrange(15)

    def at_gate(self, process):
        if not self.blows or self.chance.random() > 0.08:
            return
        self.blows -= 1
        blow = self.chance.choice(("kill", "kill", "stop", "stop", "jump", "crowd"))
        self.note(process, blow)
        match blow:
            case "kill":
                process.die()
                self.start(self.wanted)
            case "stop":
                process.stopped_until = self.loop.now + self.chance.choice(STOPS)
            case "jump":
                self.jumped += self.chance.choice(JUMPS)
            case "crowd":
                self.start(self.chance.sample(self.wanted, 1))

    def patience(self):
        return self.chance.choice((None, None, None, 10.0, 200.0))


def live(world):
    """Let a world come to rest."""
    try:
        for _ in range(2):
            world.start(world.wanted)
        world.run(lambda: not world.unanswered())
    finally:
        world.close()
