import Base
import Config
import Foundation
import FoundationXML
import Pipeline
import Testing

@testable import downlinkd

/// Fixtures of `downlinkd test`: what they say of rows, and of themselves.
@Suite struct FixtureTests {
  /// A configuration with a wide and a narrow source.
  static let configuration = """
    pipeline: fleet
    kafka: {brokers: [b:9092]}
    storage: {root: /nowhere}
    sources:
      - name: snapshots
        topics: [telemetry]
        message: fleet.telemetry.v1.DeviceTelemetry
        device: device_id
        time: {field: time_unix_ms, unit: ms}
        attributes: [region, {field: $header.site, name: site}]
        metrics: [battery_voltage_v, battery_temperature_c]
      - name: samples
        topics: [samples]
        message: fleet.telemetry.v1.TelemetryBatch
        rows: samples
        device: $key
        time: {field: samples.time_unix_us, unit: us}
        metric: {name: samples.metric, value: samples.value}
        envelope: confluent
    windows:
      - {name: 1m, size: 1m, aggregates: [count, mean]}
    detectors:
      - name: hot
        metric: battery_temperature_c
        limits: {critical: {above: 60}}
      - {name: quiet, silence: {after: 10m}}
    """

  /// Three readings, in YAML.
  private static let records = """
        topic: telemetry
        records:
          - message: {device_id: a, time_unix_ms: 2026-06-09T10:00:00Z, battery_voltage_v: 7.5}
          - message: {device_id: a, time_unix_ms: 2026-06-09T10:00:10Z, battery_voltage_v: 8}
          - message: {device_id: b, time_unix_ms: 2026-06-09T10:00:10Z, battery_voltage_v: 8}
    """

  private func run(_ text: String, needsExpectations: Bool = true) throws -> [TestResult] {
    let configuration = try Configuration.parse(
      Array(Self.configuration.utf8), file: "/etc/d.yaml", environment: [:])
    let fixture = try FixtureFile.parse(Array(text.utf8), file: "/etc/t.yaml", environment: [:])
    return try FixtureRun(
      fixture, configuration, try Wiring(configuration), only: nil,
      needsExpectations: needsExpectations
    ).results()
  }

  /// The failures of the one test with these expectations.
  private func failures(_ expect: String, records: String = records) throws -> [TestFailure] {
    try run("tests:\n  - name: one\n\(records)\n    expect:\n\(expect)")[0].failures
  }

  private func faults(_ text: String) throws -> [String] {
    do {
      _ = try run(text)
      return []
    } catch let error as ConfigFaults {
      return error.faults.map { fault in
        "\(fault.position.line): \(fault.keyPath): \(fault.message)"
          + (fault.suggestion.map { " = " + $0 } ?? "")
      }
    }
  }

  // MARK: - Rows

  @Test func `rows are a set, of which some columns count`() throws {
    #expect(
      try failures(
        """
              readings:
                - {device_id: b}
                - {device_id: a, battery_voltage_v: 8, event_time: 2026-06-09T12:00:10+02:00}
        """
      ).isEmpty)
  }

  @Test func `the nearest row is shown with what differs`() throws {
    let failures = try failures(
      """
            readings:
              - {device_id: b, battery_voltage_v: 8.5, source: snapshots, region: null}
      """)
    #expect(failures.count == 1)
    #expect(failures[0].line == 10)
    #expect(
      failures[0].differences
        == [.init(column: "battery_voltage_v", expected: "8.5", found: "8.0")])
    #expect(failures[0].sentence.contains("of 3 rows the nearest has 3 of 4 columns so, but"))
  }

  @Test func `a row with few columns leaves the one row to a fuller one`() throws {
    #expect(
      try failures(
        """
              readings:
                exactly: true
                rows:
                  - {device_id: a}
                  - {battery_voltage_v: 8}
                  - {device_id: a, battery_voltage_v: 8}
        """
      ).isEmpty)
  }

  @Test func `each expected row wants a row of its own`() throws {
    let failures = try failures(
      "      readings: [{device_id: b}, {device_id: b}]")
    #expect(
      failures.map(\.sentence) == ["there is such a row, and another expected row has taken it"])
  }

  @Test func `counts, none, exactly and where`() throws {
    #expect(try failures("      readings: {where: {device_id: a}, count: 2}").isEmpty)
    #expect(try failures("      readings: {where: {device_id: c}, count: 0}").isEmpty)
    let count = try failures("      readings: {count: 2}")
    #expect(count.map(\.sentence) == ["expected 2 rows; found 3"])
    #expect(count[0].rows.count == 3)
    let none = try failures("      readings: none")
    #expect(none.map(\.sentence) == ["expected 0 rows; found 3"])
    let others = try failures("      readings: {exactly: true, rows: [{device_id: b}]}")
    #expect(others.map(\.sentence) == ["2 rows that nobody expected"])
    #expect(
      others[0].rows[0]
        == "{source: snapshots, device_id: a, event_time: 2026-06-09T10:00:00Z, "
        + "battery_voltage_v: 7.5}")
  }

  @Test func `doubles have a tolerance`() throws {
    let near = "{device_id: a, battery_voltage_v: 7.50000000001}"
    #expect(try failures("      readings: [\(near)]").count == 0)
    let exact = try failures("      readings: {tolerance: 0, rows: [\(near)]}")
    #expect(exact.count == 1)
    #expect(
      try failures("      readings: {tolerance: 0.01, rows: [{battery_voltage_v: 7.45}]}").isEmpty)
  }

  @Test func `what is printed can be pasted`() throws {
    let text = """
      tests:
        - name: "all of it: \\"quoted\\""
      \(Self.records)
            - {raw: {hex: 0aff}}
            - {message: {device_id: "null", time_unix_ms: 1, battery_voltage_v: NaN}}
            - message: {device_id: "7", time_unix_ms: 2026-06-09T10:01:10.5Z,
                        battery_temperature_c: 61, region: "a ${x} b"}
              headers: {site: 'it''s'}
            - advance: 10m
          fire_open_windows: true
      """.replacing("${x}", with: "$${x}")
    let result = try run(text, needsExpectations: false)[0]
    let printed = FixtureText.expectations(result).split(separator: "\n").dropFirst()
    let exact = printed.map { line in
      line.hasSuffix(":") && !line.hasSuffix("expect:")
        ? "\(line)\n        exactly: true\n        rows:" : "\(line)"
    }
    let again = try run(text + "\n" + exact.joined(separator: "\n"))
    #expect(again[0].failures == [])
    #expect(printed.count == 1 + 6 + 4 + 6 + 2, "\(printed.joined(separator: "\n"))")
  }

  // MARK: - Records

  @Test func `keys, headers, envelopes and rows of a narrow source`() throws {
    let records = """
          records:
            - topic: samples
              key: {hex: 736174}
              append_time: 2026-06-09T10:00:02Z
              message:
                samples:
                  - {timeUnixUs: 2026-06-09T10:00:00.000001Z, metric: rpm, value: "Infinity"}
                  - {time_unix_us: "1781000000000000", metric: volts, value: 3}
            - topic: telemetry
              headers: {site: north}
              partition: 3
              message: {device_id: 12, time_unix_ms: 2026-06-09T10:00:00Z, battery_voltage_v: 1}
      """
    let failures = try failures(
      """
            readings:
              exactly: true
              rows:
                - {source: samples, device_id: sat, metric: rpm, flags: 1, row_index: 0,
                   event_time: 2026-06-09T10:00:00.000001Z, kafka_timestamp: 2026-06-09T10:00:02Z}
                - {source: samples, metric: volts, value: 3, row_index: 1}
                - {source: snapshots, device_id: "12", site: north, kafka_partition: 3,
               metric: null}
      """, records: records)
    #expect(failures == [])
  }

  @Test func `time passes where nothing is heard, and leaves no letter`() throws {
    let records = """
          topic: telemetry
          records:
            - message: {device_id: a, time_unix_ms: 2026-06-09T10:00:00Z, battery_voltage_v: 1}
            - advance: 9m59s
            - message: {device_id: b, time_unix_ms: 2026-06-09T10:09:59Z, battery_voltage_v: 1}
          advance: 1s
      """
    let failures = try failures(
      """
            anomalies:
              exactly: true
              rows: [{detector: quiet, device_id: a, value: 600, evidence: {kind: silence}}]
            dead_letters: none
            readings: [{device_id: b, kafka_offset: 2}]
      """, records: records)
    #expect(failures == [])
  }

  @Test func `rows of a CSV file are records`() throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("downlink-fixture-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let csv = """
      $key,samples.time_unix_us,samples.metric,samples.value,$timestamp,$header.site
      sat,2026-06-09T10:00:00Z,rpm,12.5,2026-06-09T10:00:05Z,x
      sat,2026-06-09T10:00:01Z,rpm,,,

      """
    let file = folder.appendingPathComponent("rows.csv")
    try Data(csv.utf8).write(to: file)
    let failures = try failures(
      """
            readings:
              exactly: true
              rows:
                - {device_id: sat, metric: rpm, value: 12.5, kafka_timestamp: 2026-06-09T10:00:05Z}
                - {device_id: sat, event_time: 2026-06-09T10:00:01Z, value: null}
            dead_letters: none
      """, records: "    records: [{topic: samples, csv: \(file.path)}]")
    #expect(failures == [])
    try Data("samples.time_unix_us,samples.valeu\n1,2\n".utf8).write(to: file)
    let faults = try faults(
      "tests: [{name: one, records: [{topic: samples, csv: \(file.path)}], expect: {}}]")
    #expect(faults.contains { $0.contains("rows.csv:2: samples[0].valeu:") }, "\(faults)")
  }

  // MARK: - Faults

  @Test func `everything that does not fit the configuration is said at once`() throws {
    let faults = try faults(
      """
      tests:
        - name: one
          records:
            - message: {device_id: a}
            - topic: telemetri
              message: {device_id: a}
            - topic: telemetry
              message: {device_id: a, battery_voltage: 3}
            - topic: telemetry
              message: {device_id: a, battery_voltage_v: much}
      """)
    #expect(
      faults == [
        "2: tests[0]: `expect` is missing or empty: nothing is tested = "
          + "`downlinkd test --print` shows what there is",
        "4: tests[0].records[0]: `topic` is missing; expected one of telemetry, samples = "
          + "a test's own `topic` is that of all its records",
        "5: tests[0].records[1].topic: no source reads the topic telemetri; expected one of "
          + "telemetry, samples = did you mean `telemetry`?",
        "8: tests[0].records[2].message.battery_voltage: fleet.telemetry.v1.DeviceTelemetry has "
          + "no such field = did you mean battery_voltage_v?",
        "10: tests[0].records[3].message.battery_voltage_v: expected a number; found much",
      ])
  }

  @Test func `a column that there is not, and a value that it cannot have`() throws {
    let faults = try faults(
      """
      tests:
        - name: one
          topic: telemetry
          records: []
          expect:
            anomalies: [{detectr: hot}, {event_time: yesterday}]
            windows: {where: {count: many}, count: 1}
      """)
    #expect(
      faults == [
        "6: tests[0].expect.anomalies[0].detectr: anomalies has no such column = did you mean "
          + "`detector`?",
        "6: tests[0].expect.anomalies[1].event_time: expected a time such as 2026-06-09T10:00:00Z",
        "7: tests[0].expect.windows.where.count: expected a whole number",
      ])
  }

  @Test func `slips in the fixture itself`() throws {
    let faults = try faults(
      """
      tests:
        - name: one
          record: []
          expect: {readings: nothing}
        - name: one
          records:
            - {message: {}, raw: {hex: 0}}
            - {timestamp: 2026-06-09T10:00:00, message: {}}
            - {advance: 5m, topic: telemetry}
            - {topic: telemetry}
      """)
    #expect(
      faults == [
        "3: tests[0].record: unknown key; expected one of name, topic, records, advance, "
          + "fire_open_windows, expect = did you mean `records`?",
        "4: tests[0].expect.readings: expected a list of rows, a mapping with rows or count, or "
          + "`none`",
        "5: tests[1].name: another test of the file has this name",
        "7: tests[1].records[0].raw: excludes `message`: a record is one of message, raw, csv, "
          + "advance",
        "8: tests[1].records[1].timestamp: `2026-06-09T10:00:00` is no time; expected a time such "
          + "as 2026-06-09T10:00:00Z = did you mean `2026-06-09T10:00:00Z`?",
        "9: tests[1].records[2].topic: has no place beside advance: time passes by itself",
        "10: tests[1].records[3]: expected one of message, raw, csv, advance; found none of them",
      ])
  }

  // MARK: - Reports

  @Test func `the results for CI are XML whatever the names are`() throws {
    let results = try run(
      """
      tests:
        - name: "a < b & \\"c\\""
      \(Self.records)
          expect: {readings: none}
      """)
    let report = TestReport(results: results)
    let document = try XMLDocumentText(report.junit)
    #expect(document.names == ["a < b & \"c\""])
    #expect(document.failureCount == 1)
    #expect(report.summary == "1 file, 1 test: 0 passed, 1 failed\n")
    #expect(report.json(withRows: false)["failed"] == 1)
  }

  @Test func `the example's tests pass`() throws {
    var folder = URL(fileURLWithPath: #filePath)
    for _ in 0..<4 { folder.deleteLastPathComponent() }
    let file = folder.appendingPathComponent("config/tests/battery.yaml").path
    let fixture = try FixtureFile.load(file: file, environment: [:])
    let configuration = try Configuration.load(
      file: try #require(fixture.config), environment: [:])
    let results = try FixtureRun(
      fixture, configuration, try Wiring(configuration), only: nil, needsExpectations: true
    ).results()
    #expect(results.count == 5)
    for result in results { #expect(result.hasPassed, "\(TestReport.text(result))") }
  }
}

/// What a parser that is not ours sees in JUnit's XML.
private final class XMLDocumentText: NSObject, XMLParserDelegate {
  private(set) var names: [String] = []
  private(set) var failureCount = 0

  init(_ text: String) throws {
    super.init()
    let parser = XMLParser(data: Data(text.utf8))
    parser.delegate = self
    try #require(parser.parse(), "it is XML")
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
    qualifiedName: String?, attributes: [String: String]
  ) {
    if name == "testcase" { names.append(attributes["name"] ?? "") }
    if name == "failure" { failureCount += 1 }
  }
}
