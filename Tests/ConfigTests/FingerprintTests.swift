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
        downlink configuration 1
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
    #expect(configuration.fingerprint == "b431b38fbf2e864c")
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

  @Test(arguments: [
    ("name: snapshots", "name: snapshots2"), ("[telemetry]", "[telemetry, t2]"),
    ("DeviceTelemetry", "Other"), ("device: device_id", "device: $key"),
    ("device: device_id", "device: device_id\n    sequence: s"),
    ("device: device_id", "device: device_id\n    attributes: [region]"),
    ("device: device_id", "device: device_id\n    metrics: [a]"),
    ("device: device_id", "device: device_id\n    event_time: {plausible_from: 2000-01-02}"),
    ("unit: ms", "unit: us"), (", unit: ms", ""),
    ("pipeline: fleet", "event_time: {device_idle: 61m}\npipeline: fleet"),
    ("pipeline: fleet", "windows: [{name: w, size: 5m}]\npipeline: fleet"),
    ("pipeline: fleet", "detectors: [{name: w, silence: {after: 5m}}]\npipeline: fleet"),
  ])
  func `whatever rows depend on counts`(replace: String, with: String) throws {
    let changed = minimal.replacing(replace, with: with)
    #expect(changed != minimal)
    #expect(try fingerprint(changed) != fingerprint(minimal))
  }
}
