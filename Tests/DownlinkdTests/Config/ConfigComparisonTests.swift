import Base
import Config
import Foundation
import Pipeline
import Testing

@testable import downlinkd

/// What `config diff` says of a change.
@Suite struct ConfigComparisonTests {
  private static let base = """
    pipeline: fleet
    kafka: {brokers: [b:9092]}
    sources:
      - name: snapshots
        topics: [telemetry]
        message: fleet.telemetry.v1.DeviceTelemetry
        device: device_id
        time: {field: time_unix_ms, unit: ms}
        sequence: sequence
        metrics: [battery_voltage_v, cpu_temperature_c]
    windows: [{name: w, size: 1m}]
    detectors: [{name: d, metric: battery_voltage_v, shift: {}}]
    storage: {root: /srv/downlink}
    """

  private func compare(_ replaced: String, _ with: String) throws -> ConfigComparison {
    func read(_ text: String) throws -> Configuration {
      try Configuration.parse(Array(text.utf8), file: "x.yaml", environment: [:])
    }
    let old = try read(Self.base)
    let new = try read(Self.base.replacing(replaced, with: with))
    let obstacles = try GrowthCheck.obstacles(
      from: Wiring(old).pipeline, to: Wiring(new).pipeline, storage: nil)
    return ConfigComparison(ConfigurationChange(from: old, to: new), obstacles: obstacles)
  }

  @Test(arguments: [
    ("shift: {}", "shift: {}", .same, 0),
    ("shift: {}", "shift: {every: 5m}", .live, 0),
    ("root: /srv/downlink", "root: /srv/downlink, commit: {interval: 9s}", .live, 0),
    ("[b:9092]", "[c:9092]", .restart, 75),
    ("size: 1m", "size: 2m", .refused, 78),
    ("[battery_voltage_v, cpu_temperature_c]", "[battery_voltage_v]", .live, 0),
    ("cpu_temperature_c]", "{name: cpu_temperature_c, field: sequence}]", .refused, 78),
    ("cpu_temperature_c]", "cpu_temperature_c, solar_power_w]", .live, 0),
  ] as [(String, String, ConfigComparison.Verdict, Int32)])
  func `the verdict is that of the gravest difference`(
    replaced: String, with: String, verdict: ConfigComparison.Verdict, code: Int32
  ) throws {
    let found = try compare(replaced, with)
    #expect(found.verdict == verdict, "\(found.text)")
    #expect(found.verdict.exitCode == code)
    #expect(found.json["exit_code"]?.int64Value == Int64(code))
    #expect(found.text.hasSuffix(verdict.sentence + "\n"))
  }

  @Test func `every difference is a line with what it takes`() throws {
    let found = try compare("shift: {}", "shift: {every: 5m}")
    #expect(found.text.hasPrefix("live      detectors[d].shift.every: 1m → 5m\n"))
    let mixed = try compare("cpu_temperature_c]", "{name: cpu_temperature_c, field: sequence}]")
    #expect(mixed.obstacles.count == 1)
    #expect(mixed.text.contains("refused   sources[snapshots].metrics: cpu_temperature_c was "))
    let effects = mixed.json["differences"]?.arrayValue?.compactMap { $0["effect"]?.stringValue }
    #expect(effects == ["session"])
  }
}
