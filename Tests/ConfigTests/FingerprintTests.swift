import Config
import Testing

@Suite struct FingerprintTests {
  private func fingerprint(_ text: String, environment: [String: String] = [:]) throws -> String {
    try read(text, environment: environment).fingerprint
  }

  /// Pinned: entries of old ledgers carry fingerprints. A change of the canonical text needs a new
  /// version in its first line, and a new value here.
  @Test func `the fingerprint of a known file never changes`() throws {
    let configuration = try read(minimal)
    #expect(
      configuration.canonicalText == """
        downlink configuration 2
        source "snapshots" topics ["telemetry"]
        source "snapshots" message "fleet.telemetry.v1.DeviceTelemetry"
        source "snapshots" device "device_id"
        source "snapshots" time.field "time_unix_ms"
        source "snapshots" time.unit ms
        source "snapshots" attributes []
        source "snapshots" metrics all
        source "snapshots" out_of_orderness 5000000
        source "snapshots" allowed_lateness 60000000
        source "snapshots" max_future_skew 300000000
        source "snapshots" plausible_from 946684800000000
        source "snapshots" device_idle 3600000000

        """)
    #expect(configuration.fingerprint == "13cb125c2ef2f7f5")
  }

  @Test func `form, comments and what rows do not depend on do not count`() throws {
    let expected = try fingerprint(minimal)
    let reordered = """
      # A comment.
      storage:
        root: "/elsewhere"
        commit: {interval: 5s}
      log: {level: debug}
      lanes: 7
      sources:
      - time:
          unit: ms
          field: 'time_unix_ms'
        device: device_id
        attributes: []
        metrics: all
        message: fleet.telemetry.v1.DeviceTelemetry
        topics:
        - telemetry
        name: snapshots
        event_time: {device_idle: 60m}
      pipeline: other
      kafka: {brokers: "c:1", properties: {sasl.password: "${PW}", client.id: x}}
      event_time: {out_of_orderness: 5000ms}
      """
    #expect(try fingerprint(reordered, environment: ["PW": "1"]) == expected)
    #expect(try fingerprint(reordered, environment: ["PW": "2"]) == expected)
  }

  @Test func `duplicates are left out by every value of theirs, limits count where they differ`()
    throws
  {
    let text = minimal.replacing(
      "device: device_id",
      with: "device: device_id\n    sequence: n\n    deduplicate: {by: sequence}\n"
        + "    limits: {rows: 5, devices: 1000000, depth: 3, attributes: 7}")
    let lines = try read(text).canonicalText.split(separator: "\n")
      .filter { $0.contains(" deduplicate.") || $0.contains(" limits.") }
    #expect(
      lines == [
        "source \"snapshots\" deduplicate.by sequence",
        "source \"snapshots\" deduplicate.within 3600000000",
        "source \"snapshots\" deduplicate.records 1000000",
        "source \"snapshots\" limits.depth 3",
        "source \"snapshots\" limits.rows 5",
        "source \"snapshots\" limits.attributes 7",
      ])
  }

  @Test func `the order of sources, windows and detectors does not count`() throws {
    let windows = ["{name: a, size: 5m, aggregates: [sum, count]}", "{name: b, size: 1h}"]
    let detectors = ["{name: x, metric: '*', shift: {}}", "{name: y, silence: {after: 1m}}"]
    func text(_ windows: [String], _ detectors: [String]) -> String {
      minimal + "windows: [\(windows.joined(separator: ", "))]\n"
        + "detectors: [\(detectors.joined(separator: ", "))]\n"
    }
    #expect(
      try fingerprint(text(windows, detectors))
        == fingerprint(text(windows.reversed(), detectors.reversed())))
    let sorted = windows.map { $0.replacing("sum, count", with: "count, sum") }
    #expect(try fingerprint(text(windows, detectors)) == fingerprint(text(sorted, detectors)))
  }

  @Test func `detectors stand with every value of theirs`() throws {
    let text = minimal + """
      detectors:
        - {name: b, metric: a, shift: {every: 5m, half_life: 7d, min_change: 0.5}, open_max: 9}
        - {name: a, metric: "*_c", limits: {warning: {above: 45}, clear_margin: 2, readings: 2}}
        - {name: c, silence: {after: 15m}}
      """
    let lines = try read(text).canonicalText.split(separator: "\n").filter {
      $0.hasPrefix("detector")
    }
    #expect(
      lines == [
        "detector \"a\" source \"*\"",
        "detector \"a\" metric \"*_c\"",
        "detector \"a\" limits.warning.above 45.0",
        "detector \"a\" limits.clear_margin 2.0",
        "detector \"a\" limits.readings 2",
        "detector \"a\" open_max 1000",
        "detector \"b\" source \"*\"",
        "detector \"b\" metric \"a\"",
        "detector \"b\" shift.every 300000000",
        "detector \"b\" shift.half_life 604800000000",
        "detector \"b\" shift.min_change 0.5",
        "detector \"b\" open_max 9",
        "detector \"c\" source \"*\"",
        "detector \"c\" silence.after 900000000",
        "detector \"c\" open_max 1000",
      ])
  }

  @Test(arguments: [
    ("name: snapshots", "name: snapshots2"), ("[telemetry]", "[telemetry, t2]"),
    ("DeviceTelemetry", "Other"), ("device: device_id", "device: $key"),
    ("device: device_id", "device: device_id\n    sequence: s"),
    ("device: device_id", "device: device_id\n    attributes: [region]"),
    ("device: device_id", "device: device_id\n    metrics: [a]"),
    ("device: device_id", "device: device_id\n    event_time: {plausible_from: 2000-01-02}"),
    ("unit: ms", "unit: us"), (", unit: ms", ""),
    ("device: device_id", "device: device_id\n    deduplicate: {by: payload}"),
    ("device: device_id", "device: device_id\n    limits: {message: 9MB}"),
    ("device: device_id", "device: device_id\n    limits: {metrics: 9}"),
    ("pipeline: fleet", "event_time: {device_idle: 61m}\npipeline: fleet"),
    ("pipeline: fleet", "event_time: {partition_idle: never}\npipeline: fleet"),
    ("pipeline: fleet", "event_time: {partition_idle: 59m}\npipeline: fleet"),
    ("pipeline: fleet", "windows: [{name: w, size: 5m}]\npipeline: fleet"),
    ("pipeline: fleet", "detectors: [{name: w, silence: {after: 5m}}]\npipeline: fleet"),
  ])
  func `whatever rows depend on counts`(replace: String, with: String) throws {
    let changed = minimal.replacing(replace, with: with)
    #expect(changed != minimal)
    #expect(try fingerprint(changed) != fingerprint(minimal))
  }
}
