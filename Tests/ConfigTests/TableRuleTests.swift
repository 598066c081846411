@testable import Config
import Testing

/// `tables`, `maintenance` and `storage.budget`.
@Suite struct TableRuleTests {
  private let day: Int64 = 86_400_000_000

  @Test func `nothing is ever removed unless somebody says so`() throws {
    for text in [minimal, minimal + "tables:\n", minimal + "tables: {readings: , devices: {}}\n"] {
      let configuration = try read(text)
      for name in ["readings_snapshots", "windows", "anomalies", "dead_letters", "gaps"] {
        #expect(configuration.tables.keepMicros(ofTable: name) == nil)
      }
      #expect(configuration.tables.devicesEveryMicros == 300_000_000)
      #expect(configuration.storage.budgetByteCount == nil)
      #expect(configuration.maintenance == (try read(minimal).maintenance))
    }
  }

  @Test func `maintenance is on, with Delta's own week for files that are gone`() throws {
    let maintenance = try read(minimal).maintenance
    #expect(maintenance.isEnabled && maintenance.compacts)
    #expect(maintenance.fileByteCount == 268_435_456 && maintenance.rateByteCount == 67_108_864)
    #expect(maintenance.settleMicros == day / 24 && maintenance.logCheckpointVersionCount == 100)
    #expect(maintenance.logKeepMicros == 7 * day && maintenance.deletedFilesKeepMicros == 7 * day)
  }

  @Test func `a source's own rule goes before that of all readings`() throws {
    let tables = try read(
      complete, environment: ["PORT": "9480", "READINGS": "5"]).tables
    #expect(tables.keepMicros(ofTable: "readings_wide") == 90 * day)
    #expect(tables.keepMicros(ofTable: "readings_narrow") == nil)
    // The table of a source that the file does not name any more.
    #expect(tables.keepMicros(ofTable: "readings_old") == 90 * day)
    #expect(tables.keepMicros(ofTable: "windows") == nil)
    #expect(tables.devicesEveryMicros == nil)
  }

  @Test func `the marks of letters that came back stay as long as the letters`() throws {
    let tables = try read(minimal + "tables: {dead_letters: {keep: 30d}}\n").tables
    #expect(tables.keepMicros(ofTable: "dead_letters") == 30 * day)
    #expect(tables.keepMicros(ofTable: "dead_letter_replays") == 30 * day)
  }

  @Test func `a table that no rule speaks of is kept, whatever its name`() throws {
    let tables = try read(minimal + "tables: {readings: {keep: 9d}, gaps: {keep: 9d}}\n").tables
    for name in ["readings", "somebody_elses", "", "window", "gaps_"] {
      #expect(tables.keepMicros(ofTable: name) == nil, "\(name)")
    }
  }

  @Test func `rules do not change what rows are made of`() throws {
    let text = minimal + "tables: {readings: {keep: 30d}}\nmaintenance: {rate: none, settle: 0}\n"
    #expect(try read(text).fingerprint == read(minimal).fingerprint)
    #expect(try read(read(text).effective).tables == read(text).tables)
    #expect(try read(read(text).effective).maintenance == read(text).maintenance)
  }

  @Test func `a keep that just covers the longest window is taken`() throws {
    let windows = "windows: [{name: w, size: 23h}, {name: v, size: 1h}]\n"
    let time = "event_time: {out_of_orderness: 30m, allowed_lateness: 30m}\n"
    let text = minimal + windows + time
    let kept = try read(text + "tables: {windows: {keep: 1d}, readings: {keep: 1d}}\n")
    #expect(kept.tables.keepMicros(ofTable: "windows") == day)
    let found = faults(of: text + "tables: {windows: {keep: 23h}, readings: {keep: 23h}}\n")
    #expect(found.map(\.keyPath) == ["tables.windows.keep", "tables.readings.keep"])
    #expect(found.allSatisfy { $0.suggestion == "keep at least 1d" })
  }
}

let tableCases: [FaultCase] = [
  .appended("tables: {window: {keep: 30d}}\n",
    "10:10 tables.window: unknown table; expected one of readings, windows, anomalies,"
      + " dead_letters, gaps, devices, or readings_ and the name of a source; a source that is gone"
      + " follows `readings` = did you mean `windows`?"),
  .appended("tables: {readings_snapshot: {keep: 30d}}\n",
    "10:10 tables.readings_snapshot: unknown table; expected one of readings, windows, anomalies,"
      + " dead_letters, gaps, devices, or readings_ and the name of a source; a source that is gone"
      + " follows `readings` = did you mean `readings_snapshots`?"),
  .appended("tables: {dead_letter_replays: {keep: 30d}}\n",
    "10:10 tables.dead_letter_replays: the marks of letters that came back are kept as long as the"
      + " letters = give `dead_letters` the rule"),
  .appended("tables: {windows: 30d}\n",
    "10:19 tables.windows: expected a mapping with keep; found a single value"),
  .appended("tables: [windows]\n",
    "10:9 tables: expected a mapping of table names, such as windows: {keep: 90d}; found a list"),
  .appended("tables: {devices: {keep: 30d}}\n",
    "10:20 tables.devices.keep: unknown key; expected one of every"),
  .appended("tables: {gaps: {keep: never}}\n",
    "10:23 tables.gaps.keep: `never` is not known here; expected forever, or a duration such as"
      + " 30s, 5m or 1h30m = did you mean `forever`?"),
  .appended("tables: {gaps: {keep: 1m}}\n",
    "10:23 tables.gaps.keep: `1m` is out of range; expected 1h to 36500d"),
  .appended("tables: {gaps: {keep: 1m, kep: 2d}}\n",
    "10:23 tables.gaps.keep: `1m` is out of range; expected 1h to 36500d",
    "10:27 tables.gaps.kep: unknown key; expected one of keep = did you mean `keep`?"),
  .appended("event_time: {allowed_lateness: 3d}\ntables: {readings_snapshots: {keep: 2d}}\n",
    "11:37 tables.readings_snapshots.keep: 2d is shorter than out_of_orderness and"
      + " allowed_lateness, 3d5s, of the source `snapshots`, for which rows may still come: they"
      + " would be gone as soon as they are written = keep at least 4d"),
  .appended("windows: [{name: w, size: 10d}]\ntables: {windows: {keep: 7d}}\n",
    "11:26 tables.windows.keep: 7d is shorter than the window `w`, 10d, with out_of_orderness and"
      + " allowed_lateness, 1m5s, of the source `snapshots`, for which rows may still come: they"
      + " would be gone as soon as they are written = keep at least 11d"),
  .appended("maintenance: {rate: 64MiB, log_keep: 5m, file_size: 10kB, log_checkpoint: 1}\n",
    "10:21 maintenance.rate: `64MiB` is not a rate; expected a rate such as 64MiB/s = did you mean"
      + " `64MiB/s`?",
    "10:38 maintenance.log_keep: `5m` is out of range; expected 1h to 400d",
    "10:53 maintenance.file_size: `10kB` is out of range; expected 1MiB to 4GiB",
    "10:75 maintenance.log_checkpoint: `1` is out of range; expected a whole number from 2 to"
      + " 100000"),
  .changed("/srv/downlink", "/x, budget: 500, budget_warning: 0.8",
    "9:29 storage.budget: `500` has no unit; expected a size such as 64MB or 1GiB = did you mean"
      + " `500B`?",
    "9:50 storage.budget_warning: `0.8` is not a share; expected a share from 1% to 100%, in whole"
      + " percent = did you mean `80%`?"),
]
