import Kafka
import Ledger
import Telemetry

/// What a person asks for with `downlinkd offsets skip`.
package enum PositionWish: Equatable, Sendable {
  /// Where a partition goes on.
  package enum Target: Equatable, Sendable {
    case offset(Int64)
    /// At the first offset Kafka has: gives up what retention took, nothing else.
    case beginning
    case end
  }

  /// Go on at another offset of the topic we know, in one partition or in all.
  case skip(topic: String, partition: Int32?, Target)
  /// The topic was re-created: open its next incarnation from the beginning.
  case recreated(topic: String)
  /// The topic's logs were cut back: open its next incarnation where each one stands, at the
  /// committed offset, or at its end where that lies below.
  case truncated(topic: String)
  /// The topics are on another cluster now: open the next incarnation of every one.
  case otherCluster
}

/// What a wish comes to, given where the chain and Kafka stand: the content of one entry.
///
/// Pure. A decision never goes back: rows would be written twice under one name.
package struct PositionDecision: Sendable {
  var moves: [PartitionMove] = []
  var openings: [TopicOpening] = []
  /// Where the incarnations that `openings` follow on end, and the versions that say so.
  var ends: [PartitionEnd] = []
  /// The new cluster, where that is the wish.
  var clusterID: String?
  /// What is done, a line each.
  package private(set) var sentences: [String] = []

  struct PartitionEnd: Sendable {
    var key: PartitionKey
    var offset: Int64
    var lastVersion: Int64
    var clockMicros: Int64?
    /// `recreated`, `truncated` or `other_cluster`.
    var reason: String
  }

  package init(_ wish: PositionWish, _ report: PositionReport) throws {
    guard report.isOfBrokers else { throw PositionRefusal("the brokers must be asked first") }
    if case .otherCluster = wish {
      try acceptCluster(report)
      return
    }
    if let fault = report.clusterFault {
      throw PositionRefusal("\(fault.detail); \(fault.wayOut(topic: ""))")
    }
    switch wish {
    case .skip(let topic, let partition, let target):
      try skip(topic, partition, target, report)
    case .recreated(let topic): try recreate(topic, report)
    case .truncated(let topic): try truncate(topic, report)
    case .otherCluster: break
    }
  }

  // MARK: - Skipping

  private mutating func skip(
    _ topic: String, _ partition: Int32?, _ target: PositionWish.Target, _ report: PositionReport
  ) throws {
    let rows = report.rows.filter {
      $0.key.topic == topic && (partition == nil || $0.key.partition == partition)
    }
    if rows.isEmpty {
      let name = partition.map { "\(topic)[\($0)]" } ?? topic
      throw PositionRefusal("\(name) was never opened: nothing of it has a position")
    }
    if let fault = report.topicFaults.first(where: { $0.topic == topic })?.fault {
      throw PositionRefusal(fault.sentence(topic: topic))
    }
    for row in rows { try skip(row, target) }
    if moves.isEmpty {
      throw PositionRefusal("there is nothing to skip: no offset would be given up")
    }
  }

  private mutating func skip(_ row: PositionReport.Row, _ target: PositionWish.Target) throws {
    let name = row.topicPartition
    if let fault = row.fault, !fault.isRetention { throw PositionRefusal(fault.sentence(name)) }
    guard let kafka = row.kafka else { throw PositionRefusal("\(name) is unknown to the brokers") }
    let from = row.chain.to
    let to: Int64
    switch target {
    case .beginning: to = max(from, kafka.beginning)
    case .end: to = kafka.end
    case .offset(let offset): to = offset
    }
    if to < from {
      throw PositionRefusal(
        "\(name) stands at \(from): going back to \(to) would write the rows of \(to) to \(from) "
          + "a second time; to read them again use another pipeline with another storage.root")
    }
    if to > kafka.end {
      throw PositionRefusal("\(name) ends at \(kafka.end), before \(to)")
    }
    if to < kafka.beginning {
      throw PositionRefusal(
        "\(name) begins at \(kafka.beginning), behind \(to): use --to-beginning")
    }
    let gaps = Self.gaps(row, beginning: kafka.beginning, to: to)
    if gaps.isEmpty { return }
    moves.append(
      PartitionMove(
        key: row.key, previous: row.chain.lastVersion, from: from, to: to, gaps: gaps,
        clockMicros: row.chain.clockMicros))
    sentences.append(Self.sentence(row, gaps, to: to))
  }

  /// What the state goes without, what Kafka no longer has, what it still has: in this order.
  private static func gaps(
    _ row: PositionReport.Row, beginning: Int64, to: Int64
  ) -> [OffsetGap] {
    let from = row.chain.to
    var gaps: [OffsetGap] = []
    let stateEnd = min(beginning, from)
    if row.neededFrom < stateEnd {
      gaps = row.chain.gaps.uncovered(in: row.neededFrom..<stateEnd).map {
        OffsetGap(
          from: $0.lowerBound, to: $0.upperBound, reason: OffsetGap.state, decidedBy: .person)
      }
    }
    let keptFrom = min(to, max(from, beginning))
    if keptFrom > from {
      gaps.append(
        OffsetGap(from: from, to: keptFrom, reason: OffsetGap.retention, decidedBy: .person))
    }
    if to > keptFrom {
      gaps.append(
        OffsetGap(from: keptFrom, to: to, reason: OffsetGap.skipped, decidedBy: .person))
    }
    return gaps
  }

  private static func sentence(
    _ row: PositionReport.Row, _ gaps: [OffsetGap], to: Int64
  ) -> String {
    let parts = gaps.map { gap in
      let offsets = "\(gap.from) to \(gap.to)"
      switch gap.reason {
      case OffsetGap.state: return "windows go on without \(offsets), whose rows are in the tables"
      case OffsetGap.retention: return "\(offsets), which Kafka no longer has, are given up"
      default: return "\(offsets), which Kafka still has, are never read"
      }
    }
    return "\(row.topicPartition) goes on at \(to) instead of \(row.chain.to): "
      + parts.joined(separator: "; ")
  }

  // MARK: - Next incarnations

  private mutating func recreate(_ topic: String, _ report: PositionReport) throws {
    let rows = try openRows(of: topic, report)
    if let same = rows.first(where: { $0.witness == .same }) {
      throw PositionRefusal(
        "\(topic) was not re-created: the last committed record of \(same.topicPartition) is "
          + "there; as another incarnation everything would be read, and its rows written, again")
    }
    open(topic, rows, report, reason: "recreated") { $0.beginning }
  }

  private mutating func truncate(_ topic: String, _ report: PositionReport) throws {
    let rows = try openRows(of: topic, report)
    for row in rows {
      if case .otherRecord? = row.fault, let fault = row.fault {
        throw PositionRefusal(fault.sentence(row.topicPartition))
      }
    }
    let isShorter = rows.contains { row in row.kafka.map { $0.end < row.chain.to } ?? true }
    if !isShorter {
      throw PositionRefusal("\(topic) was not truncated: no partition ends below what is committed")
    }
    let committed = Dictionary(uniqueKeysWithValues: rows.map { ($0.topicPartition, $0.chain.to) })
    let ranges = report.ranges
    for index in 0..<(report.partitionCounts[topic] ?? 0) {
      let partition = TopicPartition(topic: topic, partition: Int32(index))
      guard let kafka = ranges[partition], let to = committed[partition] else { continue }
      if kafka.beginning > to {
        throw PositionRefusal(
          PositionFault.unreadLost(to..<kafka.beginning, isUntouched: false).sentence(partition))
      }
    }
    open(topic, rows, report, reason: "truncated") { kafka, to in min(kafka.end, to) }
  }

  private mutating func acceptCluster(_ report: PositionReport) throws {
    guard case .otherCluster(let found, let expected)? = report.clusterFault else {
      throw PositionRefusal(
        "the brokers are the cluster of the ledger, or do not tell theirs: nothing to accept")
    }
    clusterID = found
    sentences.append("the offsets are of cluster \(found) from here on, not of \(expected)")
    for topic in report.incarnations.keys.sorted() {
      let rows = report.rows.filter { $0.key.topic == topic }
      open(topic, rows, report, reason: "other_cluster") { $0.beginning }
    }
  }

  private func openRows(
    of topic: String, _ report: PositionReport
  ) throws -> [PositionReport.Row] {
    let rows = report.rows.filter { $0.key.topic == topic }
    if rows.isEmpty {
      throw PositionRefusal("\(topic) was never opened: kafka.start says where it begins")
    }
    if report.partitionCounts[topic] == nil {
      throw PositionRefusal("\(topic): \(PositionFault.unknown.detail)")
    }
    return rows
  }

  private mutating func open(
    _ topic: String, _ rows: [PositionReport.Row], _ report: PositionReport, reason: String,
    start: (OffsetRange) -> Int64
  ) {
    open(topic, rows, report, reason: reason) { kafka, _ in start(kafka) }
  }

  /// A topic that the new cluster does not have is opened without partitions: should it come, all
  /// of them are new.
  private mutating func open(
    _ topic: String, _ rows: [PositionReport.Row], _ report: PositionReport, reason: String,
    start: (OffsetRange, _ to: Int64) -> Int64
  ) {
    let incarnation = (report.incarnations[topic] ?? -1) + 1
    let count = Int32(report.partitionCounts[topic] ?? 0)
    let starts = (0..<count).map { number -> Int64 in
      let partition = TopicPartition(topic: topic, partition: number)
      let kafka = report.ranges[partition] ?? OffsetRange(beginning: 0, end: 0)
      let known = rows.first { $0.key.partition == number }
      return known.map { start(kafka, $0.chain.to) } ?? kafka.beginning
    }
    openings.append(
      TopicOpening(
        topic: topic, incarnation: incarnation, partitionCount: count, firstPartition: 0,
        startOffsets: starts))
    for row in rows {
      ends.append(
        PartitionEnd(
          key: row.key, offset: row.chain.to, lastVersion: row.chain.lastVersion,
          clockMicros: row.chain.clockMicros, reason: reason))
    }
    let offsets = starts.map(String.init).joined(separator: ", ")
    sentences.append(
      "\(topic) goes on as incarnation \(incarnation) with \(count) partitions, from offsets "
        + "\(count == 0 ? "unknown" : offsets); incarnation \(incarnation - 1) ends at "
        + rows.map { "\($0.chain.to)" }.joined(separator: ", ")
        + ", its open windows and anomalies are left as they are")
  }

  // MARK: - Rows

  /// What the table `gaps` says of it.
  var gapRows: [GapRow] {
    moves.flatMap { move in
      move.gaps.map { GapRow($0, of: move.key, clockMicros: move.clockMicros) }
    }
      + ends.map {
        GapRow(endOf: $0.key, at: $0.offset, reason: $0.reason, clockMicros: $0.clockMicros)
      }
  }

  /// The newest version it is based on.
  var baseVersion: Int64 {
    (moves.map(\.previous) + ends.map(\.lastVersion)).max() ?? 0
  }
}
