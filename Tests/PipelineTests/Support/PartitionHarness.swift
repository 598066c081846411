import Base
import Decode
import Ledger
import Storage
import Telemetry

@testable import Pipeline

/// A `LanePartition` without a lane: offers records the way `Lane` does, run by run.
final class PartitionHarness {
  /// What is offered.
  enum Event {
    case record(Int64, TestRecord)
    case end(Int64)
    case lost
  }

  let partition: LanePartition
  private let source: SourceOptions
  private let reader: RecordReader

  /// Begins with an empty state where the partition was opened.
  convenience init(_ start: PartitionStart, source: SourceOptions) {
    self.init(
      start, source: source,
      state: StateSnapshot.empty(
        cut: start.openedAt, key: start.key, source: source, admission: source.admission))
  }

  /// - Parameter asksForFirstState: whether cuts say that a first state is missing; most tests look
  ///   at rows and bring none.
  init(
    _ start: PartitionStart, source: SourceOptions, state: consuming RestoredState,
    asksForFirstState: Bool = false, schemas: (any SchemaDirectory)? = nil
  ) {
    self.source = source
    partition = LanePartition(
      start: start, source: source, state: state,
      output: PartitionOutput(schema: source.plan.schema))
    reader = RecordReader(source.plan, limits: source.limits, schemas: schemas)
    if !asksForFirstState { partition.hasState = true }
  }

  /// Offers one run and says how each event was answered: "", "refetch" or "lost: …".
  @discardableResult
  func offer(_ events: [Event]) -> [String] {
    var batch = RecordBatch()
    let bytes = BatchBytes()
    let headers = HeaderTexts()
    for event in events {
      switch event {
      case .record(let offset, let record):
        bytes.append(record, partitionIndex: 0, offset: offset, to: &batch)
        headers.texts[batch.count - 1] = record.headersJSON
      case .end(let offset):
        bytes.append(.endOfPartition, partitionIndex: 0, offset: offset, to: &batch)
      case .lost: bytes.append(.positionLost, partitionIndex: 0, offset: 0, to: &batch)
      }
    }
    var answers: [String] = []
    for (index, event) in events.enumerated() {
      let reaction: LanePartition.Reaction
      switch event {
      case .record:
        reaction = partition.accept(
          batch.headers[index], at: index, in: batch, from: headers, reader)
      case .end(let offset): reaction = partition.acceptEnd(at: offset)
      case .lost: reaction = partition.losePosition()
      }
      answers.append(Self.text(reaction))
    }
    partition.endRun(in: batch)
    return answers
  }

  /// Offers records at consecutive offsets.
  @discardableResult
  func offer(_ records: [TestRecord], from offset: Int64) -> [String] {
    offer(
      records.enumerated().filter { !$1.isUndelivered }.map { .record(offset + Int64($0), $1) })
  }

  private static func text(_ reaction: LanePartition.Reaction) -> String {
    switch reaction {
    case .none: return ""
    case .refetch: return "refetch"
    case .lost(let reason, let isOtherTopic):
      return "lost\(isOtherTopic ? " to another topic" : ""): \(reason)"
    case .wait(let schemaID): return "wait for schema \(schemaID)"
    }
  }

  func cut(state: StateFile? = nil) -> PartitionCut? {
    partition.cut(replacement: PartitionOutput(schema: source.plan.schema), state: state)
  }

  /// The partition's state as a file that is written and not closed, as the lane makes it.
  func stateFile(_ storage: any Storage, id: CommitID) throws(StorageError) -> StateFile {
    var writer = ByteWriter()
    partition.encodeState(into: &writer)
    let path = FileNames.state(pipeline: "fleet", baseVersion: 0, commitID: id, key: partition.key)
    let file = try storage.create(path)
    try file.append(writer.bytes)
    return StateFile(
      reference: StateReference(
        path: path, cut: partition.expected, byteCount: Int64(writer.count),
        checksum: XXHash64.hash(writer.bytes)),
      file: file)
  }
}

/// The headers of one run's records; nothing else is asked of it.
private final class HeaderTexts: RecordSource {
  let partitions: [TopicPartition] = []
  var texts: [Int: String] = [:]

  func drain(into batch: inout RecordBatch, countMax: Int, timeoutMillis: Int32) {}

  func headersJSON(at index: Int) -> String? { texts[index] }
}

extension PartitionStart {
  /// A partition of the first incarnation that the chain has at `to`.
  static func test(
    _ topic: String = "telemetry", _ partition: Int32 = 0, source: Int = 0, to: Int64 = 0,
    openedAt: Int64 = 0, state: StateReference? = nil, witness: Witness? = nil
  ) -> PartitionStart {
    let cut = state?.cut ?? openedAt
    return PartitionStart(
      topicPartition: TopicPartition(topic: topic, partition: partition),
      key: PartitionKey(topic: topic, incarnation: 0, partition: partition), sourceIndex: source,
      to: to, state: state, openedAt: openedAt, witness: witness,
      fetchFrom: min(cut, witness?.offset ?? cut))
  }
}
