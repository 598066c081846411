import Base
import Kafka
import Pipeline

/// A `PositionReport` for people and for programs.
struct OffsetsDocument {
  private let report: PositionReport

  init(_ report: PositionReport) { self.report = report }

  // MARK: - Text

  /// A table of partitions, then every fault with what to run.
  var text: String {
    var lines = ["pipeline \(report.pipeline), ledger at entry \(report.lastVersion)"]
    if let expected = report.expectedClusterID {
      let found = report.foundClusterID.map { $0 == expected ? "" : ", but the brokers are \($0)" }
      lines.append("cluster \(expected)\(found ?? "")")
    }
    lines.append("")
    lines += table
    if !report.isFine { lines.append("") }
    lines += report.sentences
    return lines.map { $0 + "\n" }.joined()
  }

  private static let titles = [
    "partition", "start", "committed", "entry", "state", "skipped", "undelivered", "beginning",
    "end", "lag", "verdict",
  ]

  /// Columns as wide as they must be, numbers to the right.
  private var table: [String] {
    let rows = [Self.titles] + report.rows.map(cells)
    let widths = Self.titles.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      let cells = row.indices.map { column in
        let space = String(repeating: " ", count: widths[column] - row[column].count)
        let isText = column == 0 || column == row.count - 1
        return isText ? row[column] + space : space + row[column]
      }
      var line = cells.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  private func cells(_ row: PositionReport.Row) -> [String] {
    func text(_ number: Int64?) -> String { number.map { "\($0)" } ?? "-" }
    return [
      row.name, text(row.start), text(row.to), text(row.lastVersion), text(row.stateCut),
      text(row.skippedCount), text(row.notDeliveredCount),
      text(row.kafka?.beginning), text(row.kafka?.end), text(row.lag), verdict(row),
    ]
  }

  private func verdict(_ row: PositionReport.Row) -> String {
    if report.clusterFault != nil { return "other-cluster" }
    if let fault = report.topicFaults.first(where: { $0.topic == row.topic })?.fault {
      return fault.word
    }
    if let fault = row.fault {
      let lost = fault.lostCount.map { " \($0) lost" } ?? ""
      return fault.word + lost
    }
    if row.kafka == nil { return "-" }
    return row.witness == .same ? "fine" : "fine, unproven"
  }

  // MARK: - JSON

  var json: JSONValue {
    [
      "pipeline": .string(report.pipeline),
      "version": .int(report.lastVersion),
      "fine": .bool(report.isFine),
      "asked_brokers": .bool(report.isOfBrokers),
      "cluster": .optional(report.expectedClusterID),
      "found_cluster": .optional(report.foundClusterID),
      "partitions": .array(report.rows.map(object)),
      "faults": .array(report.sentences.map { .string($0) }),
    ]
  }

  private func object(_ row: PositionReport.Row) -> JSONValue {
    func number(_ value: Int64?) -> JSONValue { value.map { .int($0) } ?? .null }
    return [
      "topic": .string(row.topic),
      "incarnation": .int(row.incarnation),
      "partition": .int(row.partition),
      "start": .int(row.start),
      "to": .int(row.to),
      "version": .int(row.lastVersion),
      "state_cuts": .array(row.stateCuts.map { .int($0) }),
      "usable_state_cut": number(row.stateCut),
      "skipped": .int(row.skippedCount),
      "not_delivered": .int(row.notDeliveredCount),
      "beginning": number(row.kafka?.beginning),
      "end": number(row.kafka?.end),
      "lag": number(row.lag),
      "witness": .string(row.witness.word),
      "verdict": .string(verdict(row)),
      "lost": number(row.fault?.lostCount),
    ]
  }
}

extension PositionFault {
  /// Offsets that are gone; nil where it is about something else.
  var lostCount: Int64? {
    switch self {
    case .unreadLost(let lost, _), .stateLost(let lost): return Int64(lost.count)
    default: return nil
    }
  }
}

extension WitnessAnswer {
  fileprivate var word: String {
    switch self {
    case .notAsked: return "unseen"
    case .same: return "same"
    case .other: return "other"
    case .absent: return "absent"
    }
  }
}
