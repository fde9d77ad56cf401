"""What is asked of a distribution with plugins, whatever they are for: that whoever has fifty installed is at the mercy of none.

    class TestHygiene(PluginHygiene):
        distribution = "motools-acme"

Each plugin that the installed distribution offers is imported and made in a process of its own, which says what it did there;
`motools plugins --check` and `motools plugin check` tell the same. Each test is for one rule of `motools.plugins.rules`. One that
cannot be kept is stated in `lacking`, by its name and with the reason:

    lacking = {"typed": "it is one module"}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from motools.plugins.hygiene import examined, plugins_called
from motools.plugins.rules import RULES
from motools.testing.contract import Contract

if TYPE_CHECKING:
    from motools.plugins.rules import Finding

_found: dict[str, dict[str, list[Finding]]] = {}


class PluginHygiene(Contract):
    """The rules that the plugins of one distribution keep."""

    distribution: ClassVar[str]
    """The installed distribution's name."""

    @pytest.mark.parametrize("rule", RULES)
    async def test_it_keeps_the_rule(self, rule: str) -> None:
        """Look at the findings of all its plugins, which are examined once in a session."""
        broken = [
            f"{plugin} {finding.what}. {RULES[rule].remedy}"
            for plugin, findings in (await self._findings()).items()
            for finding in findings
            if finding.rule == rule
        ]
        if broken and rule in self.lacking:
            self.not_tested(rule, RULES[rule].asked)
        if broken:
            pytest.fail("\n".join(broken), pytrace=False)

    async def _findings(self) -> dict[str, list[Finding]]:
        if self.distribution not in _found:
            plugins = plugins_called(self.distribution)
            findings = await examined(plugins)
            names = [f"{info.name} ({info.kind or 'of no known kind'})" for info in plugins]
            _found[self.distribution] = dict(zip(names, findings, strict=True))
        return _found[self.distribution]


__all__ = ["PluginHygiene"]
