import Config
import Testing

/// What a running service takes over from a changed file, and what it refuses.
@Suite struct ConfigurationChangeTests {
  private let environment = ["PORT": "9480", "READINGS": "5"]

  /// `complete` with one text in the place of another, against `complete`.
  private func change(
    _ replace: String, _ with: String, _ location: SourceLocation = #_sourceLocation
  ) throws -> ConfigurationChange {
    #expect(complete.contains(replace), "the case changes nothing", sourceLocation: location)
    return try change(from: complete, to: complete.replacing(replace, with: with))
  }

  private func change(from old: String, to new: String) throws -> ConfigurationChange {
    ConfigurationChange(
      from: try read(old, environment: environment), to: try read(new, environment: environment))
  }

  @Test func `the same file changes nothing`() throws {
    for text in [minimal, complete] {
      let change = try change(from: text, to: "# A comment.\n" + text)
      #expect(change.isEmpty && change.isAccepted)
      #expect(!change.changesDetectors && !change.changesLogLevel)
      #expect(change.summary == "nothing changed")
    }
  }

  @Test func `writing a default out, or another spelling, changes nothing`() throws {
    let file = try read(complete, environment: environment)
    let change = ConfigurationChange(from: file, to: try read(file.effective))
    #expect(change.isEmpty, "\(change.summary)")
  }

  @Test(arguments: [
    ("level: debug", "level: warning", ["log.level: debug → warning"]),
    ("above: 60.5", "above: 70", ["detectors[temp].limits.critical.above: 60.5 → 70"]),
    ("clear_margin: 2", "clear_margin: 1.5", ["detectors[temp].limits.clear_margin: 2 → 1.5"]),
    ("for: 30s", "readings: 3",
      ["detectors[low].limits.readings: added: 3", "detectors[low].limits.for: removed: 30s"]),
    ("every: 5m", "every: 10m", ["detectors[shift].shift.every: 5m → 10m"]),
    ("{name: spike, metric: \"*\", spike: {}}",
      "{name: spike, metric: \"*\", spike: {half_life: 3d}}",
      ["detectors[spike].spike.half_life: the default → 3d"]),
    ("readings: {keep: 90d}", "readings: {keep: 91d}", ["tables.readings.keep: 90d → 91d"]),
    ("readings_narrow: {keep: forever}", "gaps: {keep: 30d}",
      ["tables.gaps.keep: forever → 30d", "tables.readings_narrow.keep: removed: forever"]),
    ("every: never", "every: 1m", ["tables.devices.every: never → 1m"]),
    ("rate: 16MB/s", "rate: none", ["maintenance.rate: 16MB/s → none"]),
    ("budget: 500GiB", "budget: none", ["storage.budget: 500GiB → none"]),
    ("open_max: 50", "open_max: 51", ["detectors[low].open_max: 50 → 51"]),
    ("after: 15m", "after: 1h", ["detectors[silent].silence.after: 15m → 1h"]),
    ("- {name: silent, silence: {after: 15m}}", "",
      ["detectors[silent]: removed: silence"]),
    ("- {name: silent, silence: {after: 15m}}", "- {name: quiet, silence: {after: 15m}}",
      ["detectors[quiet]: added: silence", "detectors[silent]: removed: silence"]),
    ("jump: }", "shift: }", ["detectors[jump]: jump on power_w → shift on power_w"]),
  ])
  func `log level and detectors change live`(
    replace: String, with: String, expected: [String]
  ) throws {
    let change = try change(replace, with)
    #expect(change.isAccepted && !change.isEmpty)
    #expect(change.live.map(\.description) == expected)
    #expect(change.changesDetectors == expected[0].hasPrefix("detectors"))
    #expect(change.changesLogLevel == expected[0].hasPrefix("log.level"))
    #expect(change.summary == "changed: " + expected.joined(separator: "; "))
  }

  @Test func `the order of sources and of detectors means nothing`() throws {
    let detectors = [
      "{name: a, metric: b, spike: {}}", "{name: b, silence: {after: 5m}}",
    ]
    func text(_ detectors: [String]) -> String {
      minimal + "detectors: [\(detectors.joined(separator: ", "))]\n"
    }
    #expect(try change(from: text(detectors), to: text(detectors.reversed())).isEmpty)
  }

  @Test(arguments: [
    ("lanes: 4", "lanes: auto", "lanes: 4 → auto"),
    ("\"a:9092, b,[::1]:9093\"", "[a:9092]",
      "kafka.brokers: [a:9092, b, [::1]:9093] → [a:9092]"),
    ("y: 0x10", "y: 0x11", "kafka.properties.y: 0x10 → 0x11"),
    (", y: 0x10", "", "kafka.properties.y: removed: 0x10"),
    ("topics: [w1, w2]", "topics: [w1]", "sources[wide].topics: [w1, w2] → [w1]"),
    ("root: ./data", "root: /data", "storage.root: /etc/downlink/data → /data"),
    ("buffers: 1GiB", "buffers: 2GiB", "memory.buffers: 1GiB → 2GiB"),
    ("\"[::1]:${PORT}\"", "none", "http.listen: [::1]:9480 → none"),
    ("socket: run/fleet.sock", "socket: none",
      "admin.socket: /etc/downlink/run/fleet.sock → none"),
    ("mode: 0600", "mode: 0666", "admin.mode: 0600 → 0666"),
    ("format: json", "format: text", "log.format: json → text"),
  ])
  func `what is built at the start needs a restart`(
    replace: String, with: String, expected: String
  ) throws {
    let change = try change(replace, with)
    #expect(!change.isAccepted && change.live.isEmpty)
    #expect(change.refused.map(\.description) == [expected + " (needs a restart)"])
  }

  @Test(arguments: [
    ("start: latest", "start: earliest", "kafka.start: latest → earliest"),
    ("device: $key", "device: id", "sources[wide].device: $key → id"),
    ("unit: ns", "unit: us", "sources[wide].time.unit: ns → us"),
    ("unit: W}", "unit: kW}", "sources[wide].metrics[power_w].unit: W → kW"),
    ("sequence: sequence", "sequence: n", "sources[narrow].sequence: sequence → n"),
    ("within: 6h", "within: 7h", "sources[narrow].deduplicate.within: 6h → 7h"),
    ("by: sequence,", "by: payload,", "sources[narrow].deduplicate.by: sequence → payload"),
    ("records: 5_000", "records: 6000", "sources[narrow].deduplicate.records: 5000 → 6000"),
    ("message: 2MB", "message: 3MB", "sources[narrow].limits.message: 2MB → 3MB"),
    ("depth: 8", "depth: 9", "sources[narrow].limits.depth: 8 → 9"),
    ("depth: 8", "depth: 8, attributes: 5",
      "sources[narrow].limits.attributes: 100000 → 5"),
    ("event_time: {device_idle: 2h}", "event_time: {device_idle: 3h}",
      "sources[wide].event_time.device_idle: 2h → 3h"),
    ("event_time: {device_idle: 2h}", "event_time: {device_idle: 2h, partition_idle: never}",
      "sources[wide].event_time.partition_idle: added: never"),
    ("allowed_lateness: 0", "allowed_lateness: 1m", "event_time.allowed_lateness: 0s → 1m"),
    ("aggregates: [mean, count]", "aggregates: [mean]",
      "windows[1h30m].aggregates: [count, mean] → [mean]"),
    ("interval: 10s", "interval: 11s", "storage.commit.interval: 10s → 11s"),
    ("bytes: 8MiB", "bytes: 9MiB", "storage.commit.bytes: 8MiB → 9MiB"),
    ("state_interval: 2m", "state_interval: 3m", "storage.state_interval: 2m → 3m"),
    ("row_group_rows: 100_000", "row_group_rows: 5000",
      "storage.parquet.row_group_rows: 100000 → 5000"),
    ("[a.b, {field: c,", "[a.b, a.x, {field: c,",
      "sources[wide].metrics: [a.b, c as power_w] → [a.b, a.x, c as power_w]"),
    ("[region, meta.model]", "[meta.model, region]",
      "sources[wide].attributes: [region, meta.model] → [meta.model, region]"),
    ("[region, meta.model]", "[region]",
      "sources[wide].attributes: [region, meta.model] → [region]"),
  ])
  func `how sources are read and how often is committed takes another session`(
    replace: String, with: String, expected: String
  ) throws {
    let change = try change(replace, with)
    #expect(change.isAccepted && change.reopens)
    #expect(change.live.map(\.description) == [expected])
    #expect(!change.changesDetectors)
  }

  @Test func `duplicates that are left out no longer are one change, with three values`() throws {
    let change = try change("    deduplicate: {by: sequence, within: 6h, records: 5_000}\n", "")
    #expect(
      change.live.map(\.description) == [
        "sources[narrow].deduplicate.by: removed: sequence",
        "sources[narrow].deduplicate.within: removed: 6h",
        "sources[narrow].deduplicate.records: removed: 5000",
      ])
    #expect(change.isAccepted && change.reopens)
  }

  @Test(arguments: [
    ("pipeline: fleet-2\n", "pipeline: fleet-3\n", "pipeline: fleet-2 → fleet-3"),
    ("value: samples.value", "value: samples.v",
      "sources[narrow].metric.value: samples.value → samples.v"),
    ("slide: 30m", "slide: 45m", "windows[1h30m].slide: 30m → 45m"),
    ("- {name: day, size: 1d, metrics: [\"a_?\", power_w]}", "",
      "windows[day]: removed: 1d every 1d"),
    ("{name: day,", "{name: week, size: 7d}\n  - {name: day,",
      "windows[week]: added: 7d every 7d"),
  ])
  func `what state is made of cannot change under it`(
    replace: String, with: String, expected: String
  ) throws {
    let change = try change(replace, with)
    let reason = " (state cannot survive it: start it in a new storage.root)"
    #expect(change.refused.map(\.description) == [expected + reason])
  }

  @Test func `the order of windows is part of state`() throws {
    func text(_ names: [String]) -> String {
      let windows = names.map { "{name: \($0), size: 5m}" }
      return minimal + "windows: [\(windows.joined(separator: ", "))]\n"
    }
    let change = try change(from: text(["a", "b"]), to: text(["b", "a"]))
    #expect(change.refused.map(\.keyPath) == ["windows"])
    #expect(change.refused.first?.effect == .otherState)
    #expect(change.refused.first?.new == "b, a")
  }

  @Test func `who maintains the tables is told of what concerns them`() throws {
    #expect(try change("settle: 2h", "settle: 3h").changesMaintenance)
    #expect(try change("budget_warning: 75%", "budget_warning: 70%").changesMaintenance)
    #expect(try change("readings: {keep: 90d}", "readings: {keep: 1000d}").changesMaintenance)
    #expect(try !change("level: debug", "level: info").changesMaintenance)
  }

  @Test func `one refused value refuses the whole file and names every reason`() throws {
    let new = complete.replacing("above: 60.5", with: "above: 70")
      .replacing("lanes: 4", with: "lanes: 5").replacing("level: debug", with: "level: info")
      .replacing("interval: 10s", with: "interval: 20s")
      .replacing("format: json", with: "format: text")
    let change = try change(from: complete, to: new)
    #expect(!change.isAccepted)
    #expect(change.live.count == 3 && change.refused.count == 2)
    #expect(
      change.summary == "refused, nothing was changed: lanes: 4 → 5 (needs a restart);"
        + " log.format: json → text (needs a restart)")
  }

  @Test func `the common event time is one change, not one for each source`() throws {
    // The source `wide` has its own device_idle; `narrow` follows.
    let change = try change("device_idle: 2d", "device_idle: 3d")
    #expect(change.live.map(\.keyPath) == ["event_time.device_idle"])
  }

  @Test func `a new secret is seen as new and never shown`() throws {
    func text(_ password: String) -> String {
      minimal.replacing(
        "[b:9092]", with: "[b:9092], properties: {sasl.password: \(password), a: '${P}'}")
    }
    let old = try read(text("hunter2"), environment: ["P": "letmein"])
    let new = try read(text("hunter3"), environment: ["P": "letmeout"])
    let change = ConfigurationChange(from: old, to: new)
    #expect(
      change.refused.map(\.description) == [
        "kafka.properties.sasl.password: ***, with another content (needs a restart)",
        "kafka.properties.a: ${P}, with another content (needs a restart)",
      ])
    var dumped = ""
    dump(change, to: &dumped)
    for text in [change.summary, dumped, String(reflecting: change)] {
      #expect(!text.contains("hunter") && !text.contains("letme"))
    }
    let same = try read(text("hunter2"), environment: ["P": "letmein"])
    #expect(ConfigurationChange(from: old, to: same).isEmpty)
  }

  /// Whatever the rows depend on is a change; what is no change leaves the fingerprint alone.
  @Test func `a change of the fingerprint is never overlooked`() throws {
    let files = try [minimal, complete, complete.replacing("5m", with: "6m")].map {
      try read($0, environment: environment)
    }
    for old in files {
      for new in files {
        let change = ConfigurationChange(from: old, to: new)
        #expect(change.isEmpty == (old.effective == new.effective))
        if old.fingerprint != new.fingerprint { #expect(!change.isEmpty) }
      }
    }
  }
}
