import Base
import Decode
import Telemetry

/// What a lane's decoder of one source has met since the lane's last report.
struct DriftNews: Sendable {
  /// Index among the pipeline's sources.
  var sourceIndex: Int
  var report: DriftReport
  /// What `SchemaDrift.Sample.partitionIndex` counts.
  var partitions: [TopicPartition]
}

/// The drift of all sources since the start of the process: what the lanes have met, added up.
///
/// It belongs to the instance and outlives its sessions, so that each kind is in the log once. It
/// enters no snapshot and no table.
struct DriftBook: Sendable {
  /// Most kinds that are told apart for one source; more are counted together.
  static let findingCountMax = 256

  /// By source, in the pipeline's order.
  private(set) var sources: [PipelineStatus.Drift]
  /// By source: where each kind is among `found`.
  private var places: [[SchemaDrift.Key: Int]]
  private var hasNewSchemas = false

  init(_ sources: [SourceOptions]) {
    self.sources = sources.map { PipelineStatus.Drift(source: $0.plan.schema.source) }
    places = Array(repeating: [:], count: sources.count)
  }

  /// The next session reads by other schemas: what they have is drift no more.
  mutating func adoptSchemas() { hasNewSchemas = true }

  /// Lanes begin anew. Counts go on whatever happens, as counters of metrics do.
  mutating func beginSession() {
    if !hasNewSchemas { return }
    hasNewSchemas = false
    for index in sources.indices {
      sources[index].found = []
      sources[index].otherCount = 0
      places[index] = [:]
    }
  }

  /// Adds what a lane has met.
  /// - Returns: a line for the log for each kind that nobody has met before.
  mutating func note(_ news: DriftNews, nowMicros: Int64 = WallClock.nowMicros()) -> [String] {
    let index = news.sourceIndex
    let source = sources[index].source
    let otherCountBefore = sources[index].otherCount
    var lines: [String] = []
    for drift in news.report.found {
      if drift.key.enumNumber == nil {
        sources[index].unknownFieldCount += drift.count
      } else {
        sources[index].unknownEnumNumberCount += drift.count
      }
      if let place = places[index][drift.key] {
        sources[index].found[place].count += drift.count
      } else if sources[index].found.count < Self.findingCountMax {
        let finding = PipelineStatus.Drift.Finding(
          drift, at: news.partitions[Int(drift.sample.partitionIndex)], nowMicros: nowMicros)
        places[index][drift.key] = sources[index].found.count
        sources[index].found.append(finding)
        lines.append(
          "source \(source): \(finding.phrase), first met in \(finding.topicPartition) at offset "
            + "\(finding.offset): give the source a newer descriptor_set")
      } else {
        sources[index].otherCount += drift.count
      }
    }
    let report = news.report
    sources[index].unknownFieldCount += report.otherFieldCount
    sources[index].unknownEnumNumberCount += report.otherEnumNumberCount
    sources[index].otherCount += report.otherFieldCount + report.otherEnumNumberCount
    if otherCountBefore == 0, sources[index].otherCount > 0 {
      lines.append(
        "source \(source): more than \(Self.findingCountMax) unknown fields and numbers; further "
          + "ones are counted together: are its records of another message type?")
    }
    return lines
  }
}

extension PipelineStatus.Drift.Finding {
  fileprivate init(_ drift: SchemaDrift, at partition: TopicPartition, nowMicros: Int64) {
    self.init(
      messageName: drift.key.messageName, fieldNumber: drift.key.fieldNumber,
      fieldName: drift.fieldName, enumNumber: drift.key.enumNumber, count: drift.count,
      topicPartition: partition, offset: drift.sample.offset, firstSeenMicros: nowMicros,
      wireType: drift.sample.wireType, byteCount: drift.sample.byteCount,
      bytes: drift.sample.bytes)
  }
}
