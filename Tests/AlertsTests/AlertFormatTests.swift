import Base
import Pipeline
import Testing

@testable import Alerts

@Suite struct AlertFormatTests {
  private let firing = Alert(
    step: step("00c0ffee00c0ffee", "opened"), severity: "warning", startMicros: 100_000_000)
  private let resolved = Alert(
    step: step("00c0ffee00c0ffee", "closed", at: 160), severity: "warning",
    startMicros: 100_000_000, endMicros: 160_000_000)

  @Test func `an Alertmanager is told what fires, and until when if nobody repeats it`() {
    let text = Self.text(
      AlertmanagerBody.bytes(
        [firing], pipeline: "fleet", pageURL: "https://page", nowMicros: 200_000_000,
        resendMicros: 60_000_000))
    #expect(
      text == """
        [{"labels":{"alertname":"DownlinkAnomaly","detector":"low-battery","device":"sat-7",\
        "metric":"battery_v","pipeline":"fleet","severity":"warning","source":"telemetry"},\
        "annotations":{"anomaly_id":"00c0ffee00c0ffee","evidence":"{\\"kind\\":\\"limits\\"}",\
        "event_time":"1970-01-01T00:01:40.000000Z","expected":"4","state":"opened",\
        "summary":"battery_v of sat-7: 3.1 instead of 4, warning by low-battery",\
        "value":"3.1"},"startsAt":"1970-01-01T00:01:40.000000Z",\
        "endsAt":"1970-01-01T00:07:20.000000Z",\
        "generatorURL":"https://page/#a-00c0ffee00c0ffee"}]
        """)
  }

  @Test func `what is over has its end, and what is never repeated has none`() throws {
    let bytes = AlertmanagerBody.bytes(
      [resolved, firing], pipeline: "fleet", pageURL: nil, nowMicros: 200_000_000,
      resendMicros: nil)
    let alerts = try #require(try JSONValue(parsing: bytes).arrayValue)
    #expect(alerts[0]["endsAt"]?.stringValue == "1970-01-01T00:02:40.000000Z")
    #expect(alerts[1]["endsAt"] == nil)
    #expect(alerts[0]["labels"] == alerts[1]["labels"])
    #expect(alerts[0]["startsAt"] == alerts[1]["startsAt"])
    #expect(alerts[0]["generatorURL"] == nil)
  }

  @Test func `a webhook gets what an Alertmanager would send`() {
    let text = Self.text(
      WebhookBody.bytes(
        [firing, resolved], pipeline: "fleet", receiver: "ops", pageURL: "https://page"))
    #expect(
      text.hasPrefix(
        """
        {"version":"4",\
        "groupKey":"{}:{alertname=\\"DownlinkAnomaly\\", pipeline=\\"fleet\\"}",\
        "truncatedAlerts":0,"status":"firing","receiver":"ops",\
        "groupLabels":{"alertname":"DownlinkAnomaly","pipeline":"fleet"},\
        "commonLabels":{"alertname":"DownlinkAnomaly","detector":"low-battery",\
        "device":"sat-7","metric":"battery_v","pipeline":"fleet","severity":"warning",\
        "source":"telemetry"},"commonAnnotations":{"anomaly_id":"00c0ffee00c0ffee",
        """))
    #expect(
      text.hasSuffix(
        """
        "startsAt":"1970-01-01T00:01:40.000000Z","endsAt":"1970-01-01T00:02:40.000000Z",\
        "generatorURL":"https://page/#a-00c0ffee00c0ffee",\
        "fingerprint":"\(AlertFingerprint.text(resolved.labels(pipeline: "fleet")))"}]}
        """))
    #expect(text.contains(#""status":"resolved","labels""#))
    #expect(text.contains(#""endsAt":"0001-01-01T00:00:00Z""#))
  }

  /// `model.LabelSet{"alertname": "a", "severity": "b"}.Fingerprint()` of prometheus/common is
  /// FNV-1a over these bytes; the constants are of the reference (isthe.com/chongo/tech/comp/fnv).
  @Test func `a fingerprint is FNV-1a over the labels`() {
    #expect(AlertFingerprint.text([]) == "cbf29ce484222325")
    let bytes: [UInt8] = [UInt8(ascii: "a"), 255, UInt8(ascii: "b"), 255]
    var hash: UInt64 = 14_695_981_039_346_656_037
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 1_099_511_628_211 }
    #expect(AlertFingerprint.text([JSONMember("a", "b")]) == RandomID.hex(hash))
  }

  @Test func `what is about many devices is told apart by its partition`() throws {
    let many = Alert(
      step: step("a", "opened", device: nil, metric: nil), severity: "warning", startMicros: 0)
    let labels = JSONValue.object(many.labels(pipeline: "fleet"))
    #expect(labels["device"] == nil)
    #expect(labels["metric"] == nil)
    #expect(labels["kafka_partition"]?.stringValue == "fleet/3")
  }

  @Test func `nothing of a device's name gets out of its text`() throws {
    let name = "sat\"7\n\u{7}</script>\\"
    let alert = Alert(
      step: step("a", "opened", device: name), severity: "warning", startMicros: 0)
    let bytes = WebhookBody.bytes([alert], pipeline: "fleet", receiver: "ops", pageURL: nil)
    let body = try JSONValue(parsing: bytes)
    #expect(body["alerts"]?.arrayValue?.first?["labels"]?["device"]?.stringValue == name)
    #expect(alert.sentence.unicodeScalars.allSatisfy { $0.value >= 0x20 })
  }

  @Test func `sentences say what is over and what became worse`() {
    #expect(resolved.sentence == "battery_v of sat-7: over, by low-battery")
    let before = Alert(
      step: step("a", "escalated", "critical"), severity: "warning", startMicros: 0, endMicros: 1)
    #expect(
      before.sentence == "battery_v of sat-7: no longer warning but critical, by low-battery")
  }

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}

@Suite struct AlertMemoryTests {
  @Test func `what is kept reads back as the same`() throws {
    let memory = AlertMemory(
      ledgerID: "l-1", delivered: 42,
      firing: [
        Firing(step: step("a", "opened"), startMicros: 5, closedVersion: nil),
        Firing(
          step: step("b", "escalated", "critical", device: nil, metric: nil), startMicros: 6,
          closedVersion: 44),
      ])
    let read = try #require(AlertMemory(parsing: memory.json.bytes))
    #expect(read.json == memory.json)
    #expect(read.firing.map(\.step.id) == ["a", "b"])
    #expect(read.firing[1].closedVersion == 44)
  }

  @Test func `what is damaged or of another program is not read`() {
    let whole = AlertMemory(ledgerID: "l", delivered: 1).json.bytes
    #expect(AlertMemory(parsing: Array(whole.dropLast())) == nil)
    #expect(AlertMemory(parsing: []) == nil)
    #expect(
      AlertMemory(
        parsing: Array(#"{"format":2,"ledger":"l","delivered":1,"firing":[]}"#.utf8)) == nil)
    #expect(
      AlertMemory(
        parsing: Array(#"{"format":1,"ledger":"l","delivered":1,"firing":[{"id":"a"}]}"#.utf8))
        == nil)
  }
}
