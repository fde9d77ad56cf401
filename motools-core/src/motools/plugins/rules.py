"""The rules that every plugin keeps, and what its author does where one is broken.

`motools.plugins.probe` sees what a plugin does and `motools.plugins.declared` what its metadata say; `motools plugins --check`,
`motools plugin check` and `motools.testing.hygiene.PluginHygiene` tell of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What is asked, and how to mend it. Advice is no problem: who does not follow it has a plugin that works."""

    asked: str
    remedy: str
    is_advice: bool = False


RULES: Mapping[str, Rule] = {
    "usable": Rule(
        asked="it can be imported and made, and is what its group asks for",
        remedy="Correct the entry point, or what it names, until `motools plugins --check` says ok.",
    ),
    "listing": Rule(
        asked="listing plugins imports nothing of it",
        remedy="Let nothing import the package when Python starts: no .pth file, no sitecustomize.",
    ),
    "output": Rule(
        asked="importing it prints nothing",
        remedy="Log through logging.getLogger, or tell it when it is asked.",
    ),
    "variables": Rule(
        asked="it sets and removes no environment variable",
        remedy="Read variables where they are used; give others' programs their own environment.",
    ),
    "shared": Rule(
        asked="it replaces nothing that everybody shares",
        remedy="Wrap your own calls in place of a function of Python's.",
    ),
    "process": Rule(
        asked="it leaves the process as it was: directory, sys.path, signals, threads, logging, warnings, event loops",
        remedy="Do that in the call that needs it, and undo it there.",
    ),
    "speed": Rule(
        asked="importing it takes less than 5 seconds",
        remedy="Import what is slow inside the function that first needs it.",
    ),
    "sdk": Rule(
        asked="importing and making it imports no SDK",
        remedy="Import the SDK inside the function that first needs it: a recorded result then never pays for it.",
    ),
    "others": Rule(
        asked="it imports no other plugin",
        remedy="Ask for the other with motools.get_backend where it is used, or require what both need.",
    ),
    "powers": Rule(
        asked="it has the powers that it declares",
        remedy="Implement the method, or take the power out of `capabilities`.",
    ),
    "repr": Rule(
        asked="it can be shown, and shows no key",
        remedy="Leave __repr__ as it is, or write the address and nothing of the key.",
    ),
    "answers": Rule(
        asked="its hooks answer with what they should",
        remedy="Return a motools.ModelRef for a model that is yours and None for any other, without touching the network.",
    ),
    "core": Rule(
        asked="it requires a motools-core that speaks the plugin API which it is declared for",
        remedy='Write into dependencies: "motools-core>=0.1,<1", with the oldest version that you test with.',
    ),
    "bound": Rule(
        asked="it does not claim to work with the next major version of motools-core",
        remedy='End the requirement with a bound, as in "motools-core>=0.1,<1".',
        is_advice=True,
    ),
    "names": Rule(
        asked="its classes are called XTrainingBackend and XTrainingRun, or XEvalBackend and XEvalJob",
        remedy="Rename them, and keep both in one module: motools.training.backends, or motools.evals.backends, finds the "
        "second beside the first.",
        is_advice=True,
    ),
    "typed": Rule(
        asked="it is typed",
        remedy="Put an empty py.typed into the package, and into the wheel.",
        is_advice=True,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """That a rule is broken: `what` the plugin does, as a sentence without its subject ("printed 'hello'")."""

    rule: str
    what: str

    @property
    def is_problem(self) -> bool:
        """Whether it is more than advice."""
        return not RULES[self.rule].is_advice

    def as_dict(self) -> dict[str, str]:
        """Return it as a JSON-safe dictionary, with its remedy."""
        level = "problem" if self.is_problem else "advice"
        return {"rule": self.rule, "level": level, "what": self.what, "remedy": RULES[self.rule].remedy}


__all__ = ["RULES", "Finding", "Rule"]
