import Base
import Decode
import Ledger
import Storage
package import Telemetry

/// One record for a trial.
package struct TrialRecord: Sendable {
  /// A topic of one of the sources.
  package var topicPartition: TopicPartition
  package var key: [UInt8]?
  package var headers: [(name: String, value: [UInt8]?)] = []
  /// The record's value; nil for a tombstone.
  package var payload: [UInt8]?
  /// When Kafka says it was sent; nil: the newest event time in it, or now where that is later.
  package var timestampMicros: Int64?
  /// Whether the broker stamped it. What has no time given counts as stamped by the broker.
  package var hasAppendTime = true

  package init(topicPartition: TopicPartition, payload: [UInt8]?) {
    self.topicPartition = topicPartition
    self.payload = payload
  }
}

/// What happens in a trial, in order.
package enum TrialStep: Sendable {
  case record(TrialRecord)
  /// Time passes, and nothing is heard of any device. Microseconds.
  case advance(Int64)
}

/// Runs records through the pipeline's own lane, from nothing to one cut, and gives the rows that
/// the cut's commit would have written. No Kafka, no folder: state goes to memory.
///
/// The lane, its partitions, the decoder, limits, windows and detectors are those of production;
/// only the source of records and the end are the trial's. Rows come out of the tables' own
/// columns. Not in it: positions, floods and the registry (an envelope's schema id means nothing).
///
/// A partition's clock moves with its records, so time that passes is a record too: a tombstone
/// without key, stamped by the broker, in every partition that was heard so far, whose dead letter
/// is left out. It takes an offset, as another device's record would.
package enum PipelineTrial {
  /// Every table of the sources, with rows or without. `steps` name topics of the sources only.
  ///
  /// - Parameter firesOpenWindows: fires what is open at the end, as `run --until-caught-up
  ///   --fire-open-windows` does.
  package static func run(
    _ options: PipelineOptions, steps: [TrialStep], firesOpenWindows: Bool
  ) -> [TrialTable] {
    var options = options
    options.laneCount = 1
    // Nothing is to be cut before the end, and nobody answers for schema ids.
    options.commit.byteCount = 1 << 50
    options.commit.openDateCount = 1 << 50
    options.schemas = nil
    var schedule = TrialSchedule(options.sources)
    for step in steps { schedule.append(step) }
    let cuts = cuts(options, schedule, firesOpenWindows: firesOpenWindows)
    return tables(options.sources, cuts, leavingOut: schedule.clockRecords)
  }

  private static func cuts(
    _ options: PipelineOptions, _ schedule: TrialSchedule, firesOpenWindows: Bool
  ) -> [PartitionCut] {
    let commands = Monitor<[LaneCommand]>([])
    let request = CutRequest(
      commitID: CommitID(incarnation: "trial", counter: 1), laneCount: 1, wantsState: false,
      firesOpenWindows: firesOpenWindows)
    let source = TrialSource(schedule.records, partitions: schedule.partitions) {
      commands.update { $0 += [.cut(request), .stop] }
    }
    for (index, topicPartition) in schedule.partitions.enumerated() {
      let start = PartitionStart(
        topicPartition: topicPartition,
        key: PartitionKey(
          topic: topicPartition.topic, incarnation: 0, partition: topicPartition.partition),
        sourceIndex: schedule.sourceIndexes[index], to: 0, openedAt: 0, fetchFrom: 0)
      commands.update { $0.append(.start(start)) }
    }
    let delegate = TrialDelegate()
    let lane = Lane(
      index: 0, records: source, options: options, storage: MemoryStorage(),
      pool: OutputPool(byteCountMax: 0), commands: commands, delegate: delegate)
    lane.run()
    guard let cuts = request.collect(timeoutMillis: 0) else {
      preconditionFailure("a lane answers its cut before it stops")
    }
    return cuts
  }

  private static func tables(
    _ sources: [SourceOptions], _ cuts: [PartitionCut], leavingOut clockRecords: Set<RecordPlace>
  ) -> [TrialTable] {
    var tables = sources.map { source in
      let schema = source.plan.schema
      return TrialTable(.readings, ReadingsTable.definition(schema), source: schema.source)
    }
    tables.append(TrialTable(.windows, WindowsTable.definition(sources)))
    tables.append(TrialTable(.anomalies, AnomaliesTable.definition(sources)))
    tables.append(TrialTable(.deadLetters, DeadLettersTable.tableDefinition))
    for content in TableContents.all(of: cuts, sources: sources) {
      guard let index = tables.firstIndex(where: { $0.name == content.definition.name }) else {
        continue
      }
      tables[index].append(content)
    }
    let letters = tables.count - 1
    let kept = tables[letters].rows.indices.filter { row in
      !clockRecords.contains(RecordPlace(row, of: tables[letters]))
    }
    tables[letters].rows = kept.map { tables[letters].rows[$0] }
    return tables
  }
}

/// A record's place, as a table has it.
struct RecordPlace: Hashable {
  let topic: String
  let partition: Int64
  let offset: Int64

  init(_ topicPartition: TopicPartition, offset: Int64) {
    topic = topicPartition.topic
    partition = Int64(topicPartition.partition)
    self.offset = offset
  }

  init(_ row: Int, of table: TrialTable) {
    guard case .text(let topic) = table.value("kafka_topic", ofRow: row),
      case .integer(let partition) = table.value("kafka_partition", ofRow: row),
      case .integer(let offset) = table.value("kafka_offset", ofRow: row)
    else { preconditionFailure("a dead letter names its record") }
    self.topic = topic
    self.partition = partition
    self.offset = offset
  }
}

/// Gives records offsets and times.
struct TrialSchedule {
  private let sources: [SourceOptions]
  private var readers: [RecordReader]
  private var vocabularies: [Vocabulary]
  private(set) var records: [TrialSource.PlacedRecord] = []
  private(set) var partitions: [TopicPartition] = []
  private(set) var sourceIndexes: [Int] = []
  private var nextOffsets: [Int64] = []
  /// Those by which time passed.
  private(set) var clockRecords: Set<RecordPlace> = []
  /// The largest time of a record so far.
  private var now: Int64?

  init(_ sources: [SourceOptions]) {
    self.sources = sources
    readers = sources.map { RecordReader($0.plan, limits: $0.limits, schemas: nil) }
    vocabularies = sources.map {
      Vocabulary(attributeCount: $0.plan.schema.attributes.count)
    }
  }

  mutating func append(_ step: TrialStep) {
    switch step {
    case .record(let record):
      let index = partitionIndex(record.topicPartition)
      let time = record.timestampMicros ?? sendTime(of: record, source: sourceIndexes[index])
      place(record, index, time, hasAppendTime: record.hasAppendTime)
    case .advance(let micros):
      guard let now else { return }
      for index in partitions.indices {
        clockRecords.insert(RecordPlace(partitions[index], offset: nextOffsets[index]))
        let record = TrialRecord(topicPartition: partitions[index], payload: nil)
        place(record, index, now + micros, hasAppendTime: true)
      }
    }
  }

  private mutating func place(
    _ record: TrialRecord, _ index: Int, _ time: Int64?, hasAppendTime: Bool
  ) {
    records.append(
      TrialSource.PlacedRecord(
        record: record, partitionIndex: Int32(index), offset: nextOffsets[index],
        timestampMicros: time ?? ReadingBatch.absentTimestamp, hasAppendTime: hasAppendTime))
    nextOffsets[index] += 1
    if let time { now = max(now ?? time, time) }
  }

  private mutating func partitionIndex(_ topicPartition: TopicPartition) -> Int {
    if let index = partitions.firstIndex(of: topicPartition) { return index }
    guard let source = sources.firstIndex(where: { $0.topics.contains(topicPartition.topic) })
    else { preconditionFailure("the topics of a trial are its sources'") }
    partitions.append(topicPartition)
    sourceIndexes.append(source)
    nextOffsets.append(0)
    return partitions.count - 1
  }

  /// A record is sent at the newest time in it, or now where that is later; nil where nobody knows
  /// any time. It is decoded for that, into nothing.
  private mutating func sendTime(of record: TrialRecord, source: Int) -> Int64? {
    let header = RecordHeader(
      kind: .record, partitionIndex: 0, offset: 0,
      timestampMicros: now ?? ReadingBatch.absentTimestamp, hasAppendTime: true)
    var batch = ReadingBatch(schema: sources[source].plan.schema)
    var faults: [RowFault] = []
    let payload = record.payload ?? []
    let key = record.key ?? []
    _ = unsafe readers[source].read(
      header, key: record.key == nil ? nil : key.span.bytes,
      payload: record.payload == nil ? nil : payload.span.bytes, into: &batch,
      vocabulary: &vocabularies[source], faults: &faults, believesNotFound: true,
      countsDrift: false
    ) { name, values in record.appendHeader(name, to: &values) }
    let newest = batch.rowEventTimes.max()
    guard let newest, PartitionClock.isSafe(newest) else { return now }
    return max(newest, now ?? newest)
  }
}

/// Nothing can go wrong around a trial's lane that its rows do not say.
private final class TrialDelegate: LaneDelegate {
  func refetch(_ partition: TopicPartition, from offset: Int64) -> Bool { true }
  func positionLost(_ loss: PositionLoss) {}
  func laneFailed(_ failure: SessionFailure) {
    preconditionFailure("a lane without history cannot fail: \(failure)")
  }
  func laneWarned(_ message: String) {}
  func laneMet(_ drift: DriftNews) {}
  func laneProgressed(_ lane: Int, _ progress: LaneProgress) {}
}
