"""The text for TouchDesigner: a table of all parameters, and a script that builds a component with them.

The script is pasted into a Text DAT and run there. It uses no Python but TouchDesigner's own: an OSC Out DAT sends
what is turned, an OSC In CHOP and an OSC In DAT show what comes back.
"""

import pprint
import re
from collections.abc import Iterable

from live.control.commands import COMMANDS
from live.control.parameters import TABLE, Control

COLUMNS = ("name", "page", "label", "kind", "address", "low", "high", "default", "choices", "help")
Row = tuple[str, ...]

SCRIPT = '''# Written by `understudy osc-docs` from the table of controls; do not edit it by hand.
#
# Builds a component with every control of understudy as a custom parameter. In TouchDesigner: make a Text DAT, paste
# this in, right-click, Run Script. Turn its parameters, or bind and export to them like to any other; they are sent
# over OSC when they change. Host and ports are on its page "Osc". What understudy tells comes in at `told` (numbers)
# and `said` (words) inside.

ROWS = {rows}

CALLBACKS = """
def address_of(par):
    return {{row[0]: row for row in parent().fetch('rows')}}.get(par.name)

def onValueChange(par, prev):
    row = address_of(par)
    if row is None:
        return
    if row[3] == 'switch':
        value = int(par.eval())
    elif row[3] in ('choice', 'name'):
        value = str(par.eval())
    else:
        value = float(par.eval())
    if value != '':
        op('send').sendOSC(row[4], [value])

def onPulse(par):
    row = address_of(par)
    if row is not None:
        op('send').sendOSC(row[4], [])
"""


def page_of(component, pages, name):
    if name not in pages:
        pages[name] = component.appendCustomPage(name)
    return pages[name]


def add(component, pages, row):
    name, page, label, kind, address, low, high, default, choices, help = row
    page = page_of(component, pages, page)
    if kind == 'slider':
        par = page.appendFloat(name, label=label)[0]
        par.normMin, par.normMax = par.min, par.max = float(low), float(high)
        par.clampMin = par.clampMax = True
        par.default = float(default)
    elif kind == 'switch':
        par = page.appendToggle(name, label=label)[0]
        par.default = bool(int(default))
    elif kind == 'choice':
        par = page.appendMenu(name, label=label)[0]
        par.menuNames = par.menuLabels = choices.split(' ')
        par.default = default
    elif kind == 'name':
        par = page.appendStr(name, label=label)[0]
        par.default = default
    else:
        par = page.appendPulse(name, label=label)[0]
    if kind in ('slider', 'switch', 'choice', 'name'):
        par.val = par.default
    par.help = help


def build(where):
    component = where.create(baseCOMP, 'understudy')
    component.store('rows', ROWS)
    pages = {{}}
    for row in ROWS:
        add(component, pages, row)
    osc = page_of(component, pages, 'Osc')
    host = osc.appendStr('Host', label='Host')[0]
    host.default = host.val = '127.0.0.1'
    sent = osc.appendInt('Portin', label='understudy listens at')[0]
    sent.default = sent.val = 7400
    heard = osc.appendInt('Portout', label='understudy sends to')[0]
    heard.default = heard.val = 7401
    send = component.create(oscoutDAT, 'send')
    send.par.address.expr = "parent().par.Host"
    send.par.port.expr = "parent().par.Portin"
    told = component.create(oscinCHOP, 'told')
    told.par.port.expr = "parent().par.Portout"
    said = component.create(oscinDAT, 'said')
    said.par.port.expr = "parent().par.Portout"
    turned = component.create(parameterexecuteDAT, 'turned')
    turned.text = CALLBACKS
    turned.par.op = '..'
    turned.par.pars = '*'
    turned.par.custom = True
    turned.par.builtin = False
    turned.par.valuechange = True
    turned.par.onpulse = True
    return component


build(parent())
'''


def parameter_table() -> str:
    """Tab-separated, for a Table DAT; the first line names the columns. Sliders are in their natural units."""
    return "".join("\t".join(row) + "\n" for row in (COLUMNS, *parameter_rows()))


def parameter_script() -> str:
    """Python for a Text DAT."""
    return SCRIPT.format(rows=pprint.pformat(parameter_rows(), width=150))


def parameter_rows() -> list[Row]:
    """A row for each control and each button; names as TouchDesigner allows them: one capital, then small letters."""
    buttons: Iterable[Row] = (
        (
            _name(each.address),
            _page(each.address),
            _label(each.address),
            "trigger",
            each.address,
            "",
            "",
            "",
            "",
            each.help,
        )
        for each in COMMANDS
        if each.repeat_s
    )
    return [*map(_row, TABLE), *buttons]


def _row(control: Control) -> Row:
    address = control.twin or control.address
    limits = (f"{control.low:g}", f"{control.high:g}") if control.kind == "slider" else ("", "")
    default = "" if control.kind == "trigger" else _plain(control)
    return (
        _name(control.address),
        _page(control.address),
        _label(control.address) + (f" ({control.unit})" if control.unit else ""),
        control.kind,
        address,
        *limits,
        default,
        " ".join(control.choices),
        control.help,
    )


def _plain(control: Control) -> str:
    if control.kind in ("slider", "switch"):
        return f"{float(control.default):g}"
    return str(control.default)


def _name(address: str) -> str:
    return re.sub(r"[^a-z0-9]", "", address.lower()).capitalize()


def _page(address: str) -> str:
    parts = address.split("/")
    return parts[1].capitalize() if len(parts) > 2 else "Main"


def _label(address: str) -> str:
    return address.strip("/").split("/", 1)[-1].replace("/", " ").replace("_", " ")
