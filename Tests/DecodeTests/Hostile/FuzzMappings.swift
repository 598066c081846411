@testable import Decode

/// The mappings under which the fuzzer (`Tests/Fuzz`) decodes, and under which its corpus is
/// replayed: an input's first byte picks one.
enum FuzzMappings {
  static let all: [MessageMapping] = {
    let wide = MessageMapping(
      source: "s", messageName: "fleet.telemetry.v1.DeviceTelemetry", device: .field("device_id"),
      time: .init(field: "time_unix_ms", unit: .milliseconds), sequence: "sequence",
      attributes: [.init(field: "region")], plausibleFromMicros: 0)
    let narrow = MessageMapping(
      source: "s", messageName: "fleet.telemetry.v1.TelemetryBatch", rows: "samples",
      device: .field("device_id"), time: .init(field: "samples.time_unix_us", unit: .microseconds),
      narrowMetric: .init(nameField: "samples.metric", valueField: "samples.value"),
      plausibleFromMicros: 0)
    let paths = [
      "place.altitude_km", "place.site", "place.mode", "uptime", "level", "is_ok",
      "other.inner.orbit", "note", "place.label",
    ]
    var all = MessageMapping(
      source: "s", messageName: "fuzz.Everything", device: .field("id"),
      time: .init(field: "time_ms", unit: .milliseconds),
      attributes: [.init(field: "other.mode", name: "mode")],
      metrics: .list(
        paths.enumerated().map { .init(field: $1, name: "m\($0)") } + [
          .init(field: "words", name: "w1", key: "1"), .init(field: "words", name: "w7", key: "7"),
        ]),
      plausibleFromMicros: 0)
    all.implicitZero = true
    let rows = MessageMapping(
      source: "s", messageName: "fuzz.Everything", rows: "samples", device: .field("id"),
      time: .init(field: "samples.at"), attributes: [.init(field: "note")],
      metrics: .list([
        .init(field: "samples.kind"), .init(field: "samples.value", name: "v"),
        .init(field: "samples.more", name: "k", key: "k"), .init(field: "samples.raw"),
        .init(field: "samples.count"), .init(field: "samples.low"),
      ]),
      plausibleFromMicros: 0)
    var entries = rows
    entries.rows = "words"
    entries.time = .init(field: "time_ms", unit: .milliseconds)
    entries.metrics = .list([.init(field: "words.value", name: "w")])
    return [wide, narrow, all, rows, entries]
  }()
}
