import Base
import Decode
import Detectors
import Ledger
import Storage
import Telemetry
import Windows

/// What the control side tells a lane; handled between batches.
enum LaneCommand: Sendable {
  /// Take up a partition. Posted before Kafka is told to fetch it.
  case start(PartitionStart)
  /// Let go of partitions; `done` is set when nothing of them is held any more.
  case forget([TopicPartition], done: Monitor<Int>)
  case cut(CutRequest)
  /// Go on at another offset: the position was lost and the configuration says to skip.
  case skip(TopicPartition, to: Int64, reason: String)
  /// Nothing has come of a partition for long, and its end lies at this offset.
  case idle(TopicPartition, at: Int64)
  /// Take nothing of a partition until it is released, whatever Kafka has sent already.
  case hold(TopicPartition)
  /// Go on where it was held; posted once Kafka fetches it again.
  case release(TopicPartition)
  case stop
}

/// What a lane needs from the session around it; called from the lane's thread.
protocol LaneDelegate: AnyObject, Sendable {
  /// Asks Kafka for `offset` again; false when that failed.
  func refetch(_ partition: TopicPartition, from offset: Int64) -> Bool
  func positionLost(_ loss: PositionLoss)
  func laneFailed(_ failure: SessionFailure)
  /// Something worth a line in the log that the lane goes on from.
  func laneWarned(_ message: String)
  /// Records have something that their source's schema does not; all since the last call.
  func laneMet(_ drift: DriftNews)
  /// After every batch: how far the lane is and how much it holds.
  func laneProgressed(_ lane: Int, _ progress: LaneProgress)
}

/// A position that Kafka does not have, or that holds another topic's record.
struct PositionLoss: Sendable {
  var topicPartition: TopicPartition
  var key: PartitionKey
  /// The offset that was expected there.
  var offset: Int64
  var reason: String
  /// Whether the topic itself is another one: no offset of it means what the chain says.
  var isOtherTopic: Bool
}

/// A lane's own account of itself.
struct LaneProgress: Sendable {
  /// Every partition the lane has.
  var partitions: [TopicPartition: PartitionProgress] = [:]
  /// Bytes waiting for the next cut.
  var bufferedByteCount = 0
  /// Dates with rows waiting for the next cut.
  var openDateCount = 0
  /// Whether it does not drain: its buffers are full and wait for a commit.
  var isPaused = false
  /// By source: records decoded since the lane began, replayed ones left out.
  var shares: [DeadShare] = []
  /// The schema that its next record waits for; nil where it waits for none.
  var awaitedSchema: AwaitedSchema?
}

/// A schema that a record waits for, and the lane with it.
struct AwaitedSchema: Equatable, Sendable {
  var id: Int32
  /// Whether the registry says that it has no such schema: the record was read with it before, and
  /// is replayed.
  var isDenied: Bool
  var topicPartition: TopicPartition
  var offset: Int64
}

/// How far one partition is, as its lane says.
struct PartitionProgress: Sendable {
  /// The next offset to be taken into state.
  var position: Int64
  var isReplaying = false
  /// See `LanePartition.silentSinceNanos`.
  var silentSinceNanos: Int64?
  /// Wall clock of the last record of a partition that was found idle; nil of others.
  var idleSinceMicros: Int64?
  var bufferedByteCount = 0
  var clockMicros: Int64?
  var newestEventTimeMicros: Int64?
  /// Of the device that is furthest.
  var watermarkMicros: Int64?
  var deviceCount = 0
  var duplicates: PipelineStatus.Duplicates?
  /// As of the last cut: it costs a walk over all devices.
  var stateByteCount = 0
  var openAnomalies: [OpenAnomalyCount] = []
  /// See `OpenAnomalyList`.
  var openDetails: [PipelineStatus.OpenAnomaly] = []
}

/// One worker thread of the data path: drains records, decodes, keeps windows, hands over cuts.
///
/// It takes no lock while it works through a batch; commands are looked at between batches, once
/// before a drain and once after it, so that a record never arrives before its partition's start.
///
/// A record whose schema nobody knows yet stops it where it stands: the rest of the batch is kept,
/// nothing is drained, commands are answered, and the record is offered again until its schema is
/// known. So no record is lost or overtaken; the lane's other partitions wait along. In the same
/// way it stops in the midst of a batch where its buffers are full, until a cut has emptied them:
/// they exceed their bound by what a single record brings.
final class Lane {
  /// Records a drain takes at most: enough to amortise the look at commands, little enough that a
  /// cut is answered within milliseconds.
  static let drainRecordCountMax = 4096
  static let drainTimeoutMillis: Int32 = 50
  /// How often a lane looks whether a schema has become known.
  static let schemaLookMillis = 10

  let index: Int
  let options: PipelineOptions
  /// As the options have them; a reload changes their detectors.
  var sources: [SourceOptions]
  let storage: any Storage
  let pool: OutputPool
  unowned let delegate: any LaneDelegate
  private let records: any RecordSource
  private let commands: Monitor<[LaneCommand]>

  private var batch = RecordBatch()
  /// Place in the batch of the next record to be worked through; its count when it is done.
  private var place = 0
  /// The schema that the record there waits for.
  private var awaitedSchema: AwaitedSchema?
  /// One a source.
  private let readers: [RecordReader]
  /// By `RecordHeader.partitionIndex`; nil for partitions that are not ours (any more).
  private var slots: [LanePartition?] = []
  var partitions: [TopicPartition: LanePartition] = [:]
  /// Partitions that showed a hole in this batch.
  private var refetching: [LanePartition] = []
  /// By source: what was decoded, for the flood rule.
  private var shares: [DeadShare] = []
  /// Bytes of output that the lane aims to hold at most, over all partitions.
  private let bufferedByteCountMax: Int
  /// Dates of the rows since the last cut.
  var openDates = OpenDates()
  var isStopping = false

  init(
    index: Int, records: any RecordSource, options: PipelineOptions, storage: any Storage,
    pool: OutputPool, commands: Monitor<[LaneCommand]>, delegate: any LaneDelegate
  ) {
    self.index = index
    self.records = records
    self.options = options
    bufferedByteCountMax = 2 * options.commit.byteCount / options.laneCount
    sources = options.sources
    self.storage = storage
    self.pool = pool
    self.commands = commands
    self.delegate = delegate
    shares = Array(repeating: DeadShare(), count: options.sources.count)
    readers = options.sources.map {
      RecordReader($0.plan, limits: $0.limits, schemas: options.schemas)
    }
  }

  /// The thread's body: returns after `.stop`.
  func run() {
    var bufferedByteCount = 0
    while !isStopping {
      handleCommands(waitMillis: 0)
      if isFull(bufferedByteCount) {
        // The cut that is due will empty the buffers; until then Kafka's own queue may fill.
        handleCommands(waitMillis: 20)
      } else {
        if awaitedSchema != nil {
          handleCommands(waitMillis: Self.schemaLookMillis)
        } else if place == batch.count {
          drain()
          handleCommands(waitMillis: 0)
          for fault in records.takeFaults() { delegate.laneWarned(fault) }
        }
        process()
      }
      bufferedByteCount = report()
    }
  }

  private func drain() {
    place = 0
    records.drain(
      into: &batch, countMax: Self.drainRecordCountMax, timeoutMillis: Self.drainTimeoutMillis)
  }

  private func isFull(_ bufferedByteCount: Int) -> Bool {
    bufferedByteCount >= bufferedByteCountMax
      || openDates.count >= 2 * options.commit.openDateCount
  }

  private func handleCommands(waitMillis: Int) {
    let waiting = commands.wait(timeoutMillis: waitMillis) { commands -> [LaneCommand]? in
      if commands.isEmpty { return nil }
      defer { commands = [] }
      return commands
    }
    for command in waiting ?? [] { handle(command) }
  }

  /// Tells the session how far this lane is; returns the bytes it holds.
  private func report() -> Int {
    for (index, reader) in readers.enumerated() where reader.hasDrift {
      delegate.laneMet(
        DriftNews(
          sourceIndex: index, report: reader.takeDrift(), partitions: records.partitions))
    }
    var progress = LaneProgress()
    let nowNanos = MonotonicClock.nowNanos()
    for (topicPartition, partition) in partitions {
      partition.silence.note(nowNanos: nowNanos)
      let report = partition.progress
      progress.partitions[topicPartition] = report
      progress.bufferedByteCount += report.bufferedByteCount
    }
    progress.openDateCount = openDates.count
    progress.isPaused = isFull(progress.bufferedByteCount)
    progress.shares = shares
    progress.awaitedSchema = awaitedSchema
    delegate.laneProgressed(index, progress)
    return progress.bufferedByteCount
  }

  // MARK: - Records

  /// Works through the batch from `place` on, as far as schemas are known and there is room.
  private func process() {
    let wasWaiting = awaitedSchema != nil
    awaitedSchema = nil
    var bufferedByteCount = partitions.values.reduce(0) { $0 + $1.output.byteCount }
    while place < batch.count {
      let slot = Int(batch.headers[place].partitionIndex)
      var end = place + 1
      while end < batch.count, Int(batch.headers[end].partitionIndex) == slot { end += 1 }
      if slot >= slots.count { resolveSlots() }
      // Records of a partition that was taken away may still be in the queue, or in the batch.
      if let partition = slots[slot] {
        process(upTo: end, of: partition, &bufferedByteCount)
        if awaitedSchema != nil, !wasWaiting { prepareSchemas() }
        if place < end { return }
      }
      place = end
    }
    // Not before: what the batch still holds would be taken for the answer.
    refetch()
  }

  /// Works through a run of records of one partition; `place` ends behind it, at a record that
  /// waits, or where the buffers are full.
  ///
  /// - Parameter bufferedByteCount: of all partitions.
  private func process(
    upTo end: Int, of partition: LanePartition, _ bufferedByteCount: inout Int
  ) {
    let reader = readers[partition.sourceIndex]
    partition.equip(from: pool)
    let firstRow = partition.output.readings.rowCount
    let others = bufferedByteCount - partition.output.byteCount
    let isTapped = options.tap?.isWanted ?? false
    let mark = OutputMark(partition.output)
    while place < end, awaitedSchema == nil,
      others + partition.output.byteCount < bufferedByteCountMax
    {
      let header = batch.headers[place]
      switch header.kind {
      case .record:
        react(
          partition.accept(header, at: place, in: batch, from: records, reader), partition)
      case .endOfPartition:
        react(partition.acceptEnd(at: header.offset), partition)
      case .positionLost:
        react(partition.losePosition(), partition)
      }
      if awaitedSchema == nil { place += 1 }
    }
    partition.endRun(in: batch)
    if isTapped { options.tap?.show(TapSpan(partition: partition, mark: mark)) }
    bufferedByteCount = others + partition.output.byteCount
    shares[partition.sourceIndex] += partition.takeShare()
    openDates.add(partition.output.readings.rowEventTimes, from: firstRow)
  }

  /// Has all schemas asked for that the rest of the batch needs, so that it waits once.
  private func prepareSchemas() {
    for index in place..<batch.count where batch.headers[index].kind == .record {
      let slot = Int(batch.headers[index].partitionIndex)
      if slot >= slots.count { resolveSlots() }
      guard let partition = slots[slot] else { continue }
      readers[partition.sourceIndex].prepare(batch.payload(at: index))
    }
  }

  private func react(_ reaction: LanePartition.Reaction, _ partition: LanePartition) {
    switch reaction {
    case .none: break
    case .wait(let schemaID):
      awaitedSchema = AwaitedSchema(
        id: schemaID, isDenied: options.schemas?.answer(for: schemaID) == .notFound,
        topicPartition: partition.topicPartition, offset: partition.expected)
    case .refetch: refetching.append(partition)
    case .lost(let reason, let isOtherTopic):
      delegate.positionLost(
        PositionLoss(
          topicPartition: partition.topicPartition, key: partition.key,
          offset: partition.expected, reason: reason, isOtherTopic: isOtherTopic))
    }
  }

  /// Has a partition fetched again from where it stands.
  func refetchLater(_ partition: LanePartition) { refetching.append(partition) }

  /// Asks again for what a hole was seen at, once the batch that showed it is done with.
  private func refetch() {
    // Meanwhile a partition may have been taken away.
    for partition in refetching where partitions[partition.topicPartition] === partition {
      if delegate.refetch(partition.topicPartition, from: partition.refetchOffset) {
        partition.didRefetch()
      } else {
        delegate.laneFailed(
          .reopen("cannot seek \(partition.topicPartition) to \(partition.refetchOffset)"))
      }
    }
    refetching = []
  }

  /// Makes `slots` agree with the source's partitions and ours.
  func resolveSlots() {
    slots = records.partitions.map { partitions[$0] }
  }
}
