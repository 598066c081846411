import Base
import Kafka
import Ledger
package import Logging
package import Storage
import Telemetry

/// The positions of a pipeline, from outside: shows them, and acts on them by a person's decision.
///
/// Works with the pipeline stopped or running: a decision is an entry under the ledger's rules, so
/// that an instance which did not know of it loses its next commit, reads the chain and goes on
/// from there. One thread.
package final class Positions {
  private let options: PipelineOptions
  private let storage: any Storage
  private let log: Logger

  static let requestMillis: Int32 = 10_000
  /// The last committed records are looked at for so long; what has not come is not judged.
  static let witnessMillis: Int32 = 5_000
  /// A pipeline that commits while we decide is caught up with so often.
  static let attemptCountMax = 8

  package init(options: PipelineOptions, storage: any Storage, log: Logger) {
    self.options = options
    self.storage = storage
    self.log = log
  }

  // MARK: - Looking

  /// Reads the chain and asks `source`, where there is one, what Kafka has.
  ///
  /// Changes nothing. Cost: the newest summary and the entries after it, the newest snapshot of
  /// every partition (its checksum says whether a start could use it), four requests and one fetch.
  package func look(_ source: (any PositionSource)?) throws -> PositionReport {
    let ledger = Ledger(
      storage: storage, pipeline: options.pipeline, incarnation: RandomID.make())
    try ledger.open()
    let state = ledger.state
    if state.isEmpty { throw PositionRefusal("the ledger is empty: nothing was ever read") }
    var report = PositionReport(
      pipeline: options.pipeline, lastVersion: state.lastVersion,
      expectedClusterID: state.clusterID)
    report.incarnations = state.topics.mapValues(\.incarnation)
    for (key, chain) in state.partitions.sorted(by: { $0.key < $1.key })
    where state.topics[key.topic]?.incarnation == key.incarnation {
      report.rows.append(
        PositionReport.Row(key: key, chain: chain, stateCut: newestWholeCut(chain)))
    }
    if let source { try ask(source, state, &report) }
    return report
  }

  private func newestWholeCut(_ chain: ChainState.Partition) -> Int64? {
    chain.states.last { state in
      guard let bytes = try? storage.read(state.path) else { return false }
      return XXHash64.hash(bytes) == state.checksum
    }?.cut
  }

  private func ask(
    _ source: any PositionSource, _ state: ChainState, _ report: inout PositionReport
  ) throws {
    report.foundClusterID = source.clusterID(timeoutMillis: Self.requestMillis)
    let topics = Set(state.topics.keys).union(options.sources.flatMap(\.topics))
    for topic in topics.sorted() { try ask(source, about: topic, state, &report) }
    report.isOfBrokers = true
    if report.clusterFault != nil { return }
    var wanted: [TopicPartition: Int64] = [:]
    for row in report.rows {
      guard let witness = row.chain.witness, let kafka = row.kafka,
        witness.offset >= kafka.beginning, witness.offset < kafka.end
      else { continue }
      wanted[row.topicPartition] = witness.offset
    }
    let found = try source.firstRecords(at: wanted, timeoutMillis: Self.witnessMillis)
    for index in report.rows.indices {
      let row = report.rows[index]
      if let witness = row.chain.witness, let record = found[row.topicPartition] {
        report.rows[index].witness = witness.answer(record)
      }
      if report.partitionCounts[row.key.topic] == nil { continue }
      report.rows[index].fault = PositionFault.find(
        row.chain, neededFrom: row.neededFrom, kafka: row.kafka,
        witness: report.rows[index].witness)
    }
  }

  private func ask(
    _ source: any PositionSource, about topic: String, _ state: ChainState,
    _ report: inout PositionReport
  ) throws {
    let count: Int
    do throws(KafkaError) {
      count = try source.partitionCounts([topic], timeoutMillis: Self.requestMillis)[topic] ?? 0
    } catch {
      guard error.isUnknownTopic else { throw error }
      // A topic that the configuration has dropped may well be gone.
      if options.sources.contains(where: { $0.topics.contains(topic) }) {
        report.topicFaults.append(.init(topic: topic, fault: .unknown))
      }
      return
    }
    report.partitionCounts[topic] = count
    let partitions = (0..<Int32(count)).map { TopicPartition(topic: topic, partition: $0) }
    let ranges = try source.offsetRanges(partitions, timeoutMillis: Self.requestMillis)
    report.ranges.merge(ranges) { _, new in new }
    if let open = state.topics[topic], count < Int(open.partitionCount) {
      report.topicFaults.append(
        .init(topic: topic, fault: .fewerPartitions(count: count, open: Int(open.partitionCount))))
    }
    for index in report.rows.indices where report.rows[index].key.topic == topic {
      report.rows[index].kafka = ranges[report.rows[index].topicPartition]
    }
  }

  // MARK: - Deciding

  /// Carries out a decision: writes the rows that tell of it, puts the entry, brings the tables up.
  ///
  /// Where the pipeline has moved on since the decision was planned, it is planned again from what
  /// the chain says then, and `changed` hears the new sentences.
  /// - Returns: the entry's version.
  package func carryOut(
    _ wish: PositionWish, _ source: any PositionSource,
    changed: (PositionDecision) -> Void = { _ in }
  ) throws -> Int64 {
    var last: String?
    for _ in 0..<Self.attemptCountMax {
      let decision = try PositionDecision(wish, look(source))
      if last != nil { changed(decision) }
      let committer = Committer(
        options: options, storage: storage, pool: OutputPool(byteCountMax: 0),
        incarnation: RandomID.make(), log: log)
      do throws(CommitFailure) {
        // Without a cluster id: whether it may be another one is the decision's business.
        try committer.recover(clusterID: nil)
        return try committer.put(decision)
      } catch {
        guard case .conflict(let reason) = error else { throw PositionRefusal(error.reason) }
        last = reason
      }
    }
    throw PositionRefusal("the pipeline commits faster than this can decide: \(last ?? "")")
  }
}

extension Witness {
  /// What a record found at or behind our offset says.
  fileprivate func answer(_ record: ProbedRecord) -> WitnessAnswer {
    if record.offset != offset { return .absent }
    let isSame = record.timestampMicros == timestampMicros && record.witnessChecksum == checksum
    return isSame ? .same : .other(offset: offset)
  }
}

extension ProbedRecord {
  /// `Witness.checksum` of its key and payload.
  fileprivate var witnessChecksum: UInt64 {
    let keyBytes = key ?? []
    let payloadBytes = payload ?? []
    return unsafe Witness.checksum(
      key: key == nil ? nil : keyBytes.span.bytes,
      payload: payload == nil ? nil : payloadBytes.span.bytes)
  }
}

extension CommitFailure {
  /// The sentence of any case.
  var reason: String {
    switch self {
    case .conflict(let reason), .mustRecover(let reason), .noSpace(let reason),
      .syncFailed(let reason), .fatal(let reason), .abandoned(let reason):
      return reason
    }
  }
}

/// Why a wish about positions is not carried out, in a sentence.
package struct PositionRefusal: Error, Equatable, Sendable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}
