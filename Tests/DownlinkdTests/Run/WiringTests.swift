import Base
import Config
import Decode
import Detectors
import Glibc
import Pipeline
import Telemetry
import Testing

@testable import downlinkd

/// What the modules are told of a configuration's detectors.
@Suite struct WiringTests {
  private func wiring(_ detectors: String, sources: String = wide + narrow) throws -> Wiring {
    try Wiring(Self.configuration(detectors, sources: sources))
  }

  private static func configuration(
    _ detectors: String, sources: String = wide + narrow
  ) throws -> Configuration {
    let text = """
      pipeline: fleet
      kafka: {brokers: [b:9092]}
      storage: {root: /srv/downlink}
      sources:
      \(sources)
      detectors:
      \(detectors)
      """
    return try Configuration.parse(Array(text.utf8), file: "/etc/x.yaml", environment: [:])
  }

  private func faults(_ detectors: String, sources: String = wide + narrow) throws -> [String] {
    do {
      _ = try wiring(detectors, sources: sources)
      return []
    } catch let error as ConfigFaults {
      return error.faults.map { fault in
        "\(fault.keyPath): \(fault.message)" + (fault.suggestion.map { " = " + $0 } ?? "")
      }
    }
  }

  @Test func `each source gets the detectors that have something to watch there`() throws {
    let wiring = try wiring(
      """
        - {name: volts, metric: battery_voltage_v, limits: {warning: {below: 11}}}
        - {name: one, source: "samp*", metric: "x_*", spike: {}}
        - {name: lost, metric: no_such_metric, jump: {}}
        - {name: quiet, silence: {after: 15m}, open_max: 3}
      """)
    let names = wiring.pipeline.sources.map { $0.detectors.map(\.name) }
    #expect(names == [["volts", "quiet"], ["volts", "one", "lost", "quiet"]])
    #expect(wiring.pipeline.sources[0].detectors.map(\.openCountMax) == [1000, 3])
    #expect(
      wiring.pipeline.sources[0].detectors.map(\.rule) == [
        .limits(
          LimitsRule(
            warning: LimitsRule.Bounds(low: 11, high: nil), critical: nil, clearMargin: 0,
            persistence: .readings(1))),
        .silence(SilenceRule(afterMicros: 900_000_000)),
      ])
  }

  @Test func `what the file leaves open is the detector's default`() throws {
    let wiring = try wiring(
      """
        - {name: a, metric: battery_voltage_v, spike: {}}
        - {name: b, metric: battery_voltage_v, shift: {every: 5m, warm_up: 2d, min_change: 0.5}}
      """)
    let rules = wiring.pipeline.sources[0].detectors.map(\.rule)
    let shift = StatisticalRule.defaults(kind: .shift, everyMicros: 300_000_000)
    #expect(
      rules == [
        .statistical(.defaults(kind: .spike, everyMicros: 60_000_000)),
        .statistical(
          StatisticalRule(
            kind: .shift, everyMicros: 300_000_000, halfLifeMicros: shift.halfLifeMicros,
            fastHalfLifeMicros: shift.fastHalfLifeMicros, warmUpMicros: 172_800_000_000,
            refractoryMicros: shift.refractoryMicros,
            falseAlarmEveryMicros: shift.falseAlarmEveryMicros, changeMin: 0.5)),
      ])
  }

  @Test func `a rule without options is sound at every bucket the file may ask for`() throws {
    for kind in StatisticalRule.Kind.allCases {
      for every in ["1s", "1m", "7h", "1d"] {
        let text = "  - {name: a, metric: battery_voltage_v, \(kind.rawValue): {every: \(every)}}"
        #expect(try faults(text) == [])
      }
    }
  }

  @Test func `a metric that no wide source has is a fault`() throws {
    let detector = "  - {name: a, metric: batery_voltage_v, spike: {}}"
    #expect(
      try faults(detector, sources: wide) == [
        "detectors[0].metric: no metric of its sources matches `batery_voltage_v`"
          + " = did you mean `battery_voltage_v`?"
      ])
    // The rows of a narrow source may yet name it.
    #expect(try faults(detector) == [])
  }

  @Test func `a value that conflicts with a default is a fault at the value`() throws {
    #expect(
      try faults("  - {name: a, metric: battery_voltage_v, shift: {fast_half_life: 300d}}") == [
        "detectors[0].shift.fast_half_life: `fast_half_life`, 300d, is not shorter than"
          + " `half_life`, 1d by default: both means would be alike = set both"
      ])
  }

  @Test func `the summary shows values, threshold and budget`() throws {
    let source = try wiring(
      "  - {name: a, metric: battery_voltage_v, spike: {false_alarm_every: 100d}, open_max: 7}"
    ).pipeline.sources[0]
    let summary = DetectorSummary(
      definition: source.detectors[0], schema: source.plan.schema, deviceCount: 2000,
      narrowMetricCount: 10)
    #expect(summary.seriesCount == 2000)
    #expect(summary.falseAlarmsPerDay == 20)
    #expect(summary.lines[0] == "a: spike on battery_voltage_v")
    #expect(summary.lines[1].contains("false_alarm_every 100d, min_change 0; at most 7 open"))
    // log10 of 144,000 minutes.
    #expect(summary.lines[2].hasPrefix("opens at score 5.16, critical at "))
    #expect(summary.lines[2].contains("budget 20 false alarms a day of 2000 series"))
  }

  /// docs/CONFIG.md lists the defaults in buckets; they are the detectors' own.
  @Test func `CONFIG md lists the defaults there are`() {
    let root = #filePath.split(separator: "/").dropLast(4).map { "/" + $0 }.joined()
    let rows = lines(ofFile: root + "/docs/CONFIG.md")
    for kind in StatisticalRule.Kind.allCases {
      let rule = StatisticalRule.defaults(kind: kind, everyMicros: 60_000_000)
      var expected = [
        ("half_life", rule.halfLifeMicros), ("warm_up", rule.warmUpMicros),
        ("refractory", rule.refractoryMicros),
      ]
      if kind == .shift { expected.append(("fast_half_life", rule.fastHalfLifeMicros)) }
      for (key, micros) in expected {
        let row = rows.first { $0.contains("`detectors[].\(kind.rawValue).\(key)`") }
        #expect(row?.contains("| \(micros / 60_000_000) buckets |") == true, "\(kind) \(key)")
      }
      let budget = rows.first { $0.contains("`detectors[].\(kind.rawValue).false_alarm_every`") }
      let days = rule.falseAlarmEveryMicros / 86_400_000_000
      #expect(budget?.contains("| `\(days)d` |") == true)
    }
  }

  private func lines(ofFile path: String) -> [Substring] {
    guard let file = unsafe fopen(path, "r") else {
      Issue.record("cannot read \(path)")
      return []
    }
    defer { unsafe fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = unsafe fread(&chunk, 1, chunk.count, file)
      if count == 0 { break }
      bytes += chunk[..<count]
    }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
  }
}

private let wide = """
    - name: snapshots
      topics: [telemetry]
      message: fleet.telemetry.v1.DeviceTelemetry
      device: device_id
      time: {field: time_unix_ms, unit: ms}
      sequence: sequence
      attributes: [region, firmware]

  """

private let narrow = """
    - name: samples
      topics: [samples]
      message: fleet.telemetry.v1.TelemetryBatch
      rows: samples
      device: device_id
      time: {field: samples.time_unix_us, unit: us}
      metric: {name: samples.metric, value: samples.value}

  """
