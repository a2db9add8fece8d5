//! Time zones by name, from the data that is compiled in: the same on every machine.

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The zone of this name, whose letters' case matters, as files' names do. `""` and `UTC` are UTC;
/// so is `Local`, because servers run in it. The error is the text of Go's `time.LoadLocation`.
pub fn zone(name: &str) -> Result<TimeZone, String> {
    if matches!(name, "" | "UTC" | "Local") {
        return Ok(TimeZone::UTC);
    }
    if name.contains("..") || name.starts_with(['/', '\\']) {
        return Err("time: invalid location name".to_owned());
    }
    let unknown = || format!("unknown time zone {name}");
    let zone = ZONES.get(name).map_err(|_| unknown())?;
    match zone.iana_name() {
        Some(found) if found == name => Ok(zone),
        _ => Err(unknown()),
    }
}
