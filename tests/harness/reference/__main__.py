"""``make docs``: writes every page that a program can write."""

from harness.reference import PAGES, ROOT

for name, page in PAGES.items():
    path = ROOT / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(page(), "utf-8")
    print(name)
