"""The oracle walks the same rules as the product: those of the tzdata package, not of this machine."""

import zoneinfo

zoneinfo.reset_tzpath(to=())
zoneinfo.ZoneInfo.clear_cache()
