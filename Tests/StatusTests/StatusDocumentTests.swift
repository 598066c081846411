import Base
import Foundation
import TestSupport
import Testing

@testable import Pipeline
@testable import Status

@Suite struct StatusDocumentTests {
  private let value = StatusDocument.value(Example.view(Example.busy()))

  @Test func `it has the facts`() throws {
    #expect(value["pipeline"] == "fleet")
    #expect(value["ready"] == true)
    #expect(value["phase"] == "running")
    #expect(value["now"] == "2026-11-21T07:32:00.000000Z")
    #expect(value["lag_records"] == 340)
    #expect(value["lag_seconds"]?.doubleValue == 1.5)
    #expect(value["totals"]?["records_read"] == 1000)
    #expect(value["dead_letters"]?["truncated"] == 2)
    #expect(value["commits"]?["last"]?["version"] == 41)
    #expect(value["commits"]?["age_seconds"]?.doubleValue == 2.5)
    #expect(value["latency_seconds"]?["count"] == 1000)
    #expect(value["anomalies"]?["open_count"] == 1)
    let detail = try #require(value["anomalies"]?["open_details"]?.arrayValue?.first)
    #expect(detail["device"]?.stringValue == Example.hostileDevice)
    #expect((detail["rule"], detail["severity"]) == ("limits", "critical"))
    #expect(detail["opened_at"] == "2026-11-21T07:31:55.000000Z")
    #expect(detail["evidence"]?["worst"] == 93)
    let partitions = try #require(value["partitions"]?.arrayValue)
    #expect(partitions.count == 2)
    #expect(partitions[1]["lag_records"] == 340)
    #expect(partitions[1]["watermark"] == "2026-11-21T07:31:26.000000Z")
    #expect(value["process"]?["resident_bytes"] == 50_000_000)
    #expect(value["reload"]?["last"]?["accepted"] == false)
  }

  @Test func `it has what the schema does not`() throws {
    let drift = try #require(value["drift"]?.arrayValue)
    #expect(drift.map { $0["source"] } == ["buses", "planes"])
    #expect(drift[0]["unknown_fields"] == 1205)
    #expect(drift[0]["unknown_enum_numbers"] == 2)
    #expect(drift[0]["others"] == 1)
    #expect(drift[1]["found"]?.arrayValue?.isEmpty == true)
    let found = try #require(drift[0]["found"]?.arrayValue)
    #expect(found.map { $0["field"] } == [21, 3, 4])
    #expect(found.map { $0["name"] } == [.null, "mode", "place"])
    #expect(found.map { $0["enum_number"] } == [.null, 9, .null])
    #expect(found[0]["message"] == "fleet.Report")
    #expect(found[0]["count"] == 1200)
    #expect((found[0]["topic"], found[0]["partition"]) == ("telemetry", 1))
    #expect(found[0]["offset"] == 4711)
    #expect(found[0]["seen_at"] == "2026-11-21T07:31:40.000000Z")
    #expect((found[0]["wire_type"], found[0]["value_bytes"]) == (2, 300))
    let value = try #require(found[0]["value"]?.stringValue)
    #expect(value.count == 128 && value.hasPrefix("000102") && value.hasSuffix("3f"))
  }

  @Test func `hostile names come through whole and harm nothing`() throws {
    let text = value.text
    let parsed = try JSONValue(parsing: text)
    #expect(parsed == value)
    let note = try #require(parsed["anomalies"]?["recent"]?.arrayValue?.first)
    #expect(note["device"]?.stringValue == Example.hostileDevice)
    // Another parser reads the same.
    let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    let anomalies = object?["anomalies"] as? [String: Any]
    let first = (anomalies?["recent"] as? [[String: Any]])?.first
    #expect(first?["device"] as? String == Example.hostileDevice)
  }

  @Test func `evidence is an object; what is none stays a string`() throws {
    var status = Example.busy()
    func evidence() throws -> JSONValue {
      try #require(
        StatusDocument.value(status)["anomalies"]?["recent"]?.arrayValue?.first?["evidence"])
    }
    #expect(try evidence() == ["limit": 90])
    status.recentAnomalies[0].evidence = #"{"limit":90"#
    #expect(try evidence() == #"{"limit":90"#)
    status.recentAnomalies[0].evidence = ""
    #expect(try evidence() == "")
  }

  @Test func `what is not known is null and what JSON cannot say as well`() {
    let fresh = StatusDocument.value(Example.fresh())
    for key in ["trouble", "stall", "wait", "lag_records", "lag_seconds", "process"] {
      #expect(fresh[key]?.isNull == true, "\(key)")
    }
    #expect(fresh["commits"]?["last"]?.isNull == true)
    #expect(fresh["latency_seconds"]?["p50"]?.isNull == true)
    var status = Example.busy()
    status.recentAnomalies[0].value = .nan
    status.recentAnomalies[0].expected = .infinity
    let note = StatusDocument.value(status)["anomalies"]?["recent"]?.arrayValue?.first
    #expect(note?["value"]?.isNull == true && note?["expected"]?.isNull == true)
  }

  // MARK: - The document

  /// Every key as a path: `commits.last.version`, `partitions[].lane`.
  private func paths(_ value: JSONValue, _ prefix: String = "") -> Set<String> {
    if let members = value.members {
      return members.reduce(into: []) { found, member in
        let path = prefix.isEmpty ? member.name : "\(prefix).\(member.name)"
        found.insert(path)
        // Names of counters and reasons are data; METRICS.md has them elsewhere.
        if !["totals", "dead_letters"].contains(path) && !path.hasSuffix(".evidence") {
          found.formUnion(paths(member.value, path))
        }
      }
    }
    return (value.arrayValue ?? []).reduce(into: []) { $0.formUnion(paths($1, prefix + "[]")) }
  }

  @Test func `docs METRICS md has every key, and no other`() throws {
    var status = Example.busy()
    status.wait = .init(cause: .diskFull, sinceMicros: Example.now, detail: "")
    let here = paths(StatusDocument.value(Example.view(status)))
    // Of its own section: orders and other documents have keys, too.
    let document = try Repository.text(of: "docs/METRICS.md")
    let section = document.components(of: "\n## /status\n").last?.components(of: "\n## ").first
    let rows = try #require(section).split(separator: "\n").filter { $0.hasPrefix("| `") }
    let documented = rows.compactMap { $0.split(separator: "`").dropFirst().first.map(String.init) }
    #expect(Set(documented).subtracting(here) == [], "documented, not there")
    #expect(here.subtracting(documented) == [], "there, not documented")
    #expect(Set(documented).count == documented.count)
  }
}
