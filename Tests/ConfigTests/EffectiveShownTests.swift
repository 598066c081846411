import Base
import TestSupport
import Testing

@testable import Config

/// The effective configuration as `config show` prints it.
@Suite struct EffectiveShownTests {
  private let text = """
    pipeline: "${NAME}"
    kafka: {brokers: "a:9092, b:9092", properties: {sasl.password: hunter2, client.id: x}}
    event_time: {device_idle: 2h}
    sources:
      - name: snapshots
        topics:
          - telemetry
        message: fleet.telemetry.v1.DeviceTelemetry
        device: device_id
        time: {field: time_unix_ms, unit: ms}
        metrics: [a, {field: b, unit: V}]
        event_time: {out_of_orderness: 1s}
    windows: []
    detectors:
      - {name: l, metric: a, limits: {warning: {outside: [1, 2.5]}}}
    storage: {root: /srv/downlink}

    """

  @Test func `as JSON it reads back as the same configuration`() throws {
    let configuration = try read(text, environment: ["NAME": "fleet"])
    let json = configuration.effectiveJSON
    #expect(json["pipeline"]?.stringValue == "fleet")
    #expect(json["windows"]?.arrayValue?.isEmpty == true)
    #expect(json["storage"]?["parquet"]?["level"]?.int64Value == 1)
    #expect(json["sources"]?.arrayValue?.first?["implicit_zero"]?.boolValue == false)
    #expect(json["event_time"]?["device_idle"]?.stringValue == "2h")
    #expect(!json.text.contains("hunter2"))
    let again = try read(json.text)
    #expect(again.effective == configuration.effective)
    #expect(again.fingerprint == configuration.fingerprint)
    // The secret alone is another: it is masked.
    let change = ConfigurationChange(from: configuration, to: again)
    #expect((change.live + change.refused).map(\.keyPath) == ["kafka.properties.sasl.password"])
  }

  @Test func `every value says where it is from`() throws {
    let configuration = try read(text, environment: ["NAME": "fleet"])
    let shown = configuration.effectiveWithOrigins
    let lines = shown.split(separator: "\n").map(String.init)
    func origins(_ key: String) -> [String] {
      lines.filter { line in
        let words = line.split(separator: " ").filter { $0 != "-" }
        return words.first == "\(key):"
      }.map { $0.split(separator: "# ").last.map(String.init) ?? "" }
    }
    #expect(origins("pipeline") == ["line 1, environment"])
    #expect(origins("lanes") == ["default"])
    #expect(origins("brokers") == ["line 2"])
    #expect(origins("\"sasl.password\"") == ["line 2"])
    #expect(origins("topics") == ["line 7"])
    #expect(origins("device_idle") == ["line 3", "event_time, line 3"])
    #expect(origins("out_of_orderness") == ["default", "line 12"])
    #expect(origins("field") == ["line 10", "line 11", "line 11"])
    #expect(origins("above") == ["line 15"] && origins("below") == ["line 15"])
    #expect(origins("windows").first == "line 13")
    #expect(origins("root") == ["line 16"])
    // Comments change nothing.
    #expect(try read(shown).effective == configuration.effective)
  }

  @Test func `every line with a value says so in the example`() throws {
    let file = try #require(fileText(Repository.path("config/downlinkd.yaml")))
    let shown = try read(file).effectiveWithOrigins
    for line in shown.split(separator: "\n") where !line.hasSuffix(":") {
      #expect(line.contains("  # "), "\(line)")
    }
  }
}
