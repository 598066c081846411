import Base
import Decode
import Duplicates
import Telemetry

/// Which of a partition's records are let in, once they can be read: limits of what a partition may
/// hold, then duplicates.
///
/// What is turned away leaves nothing in the batch but its entry, and nothing in the vocabulary.
/// Both limits and duplicates are judged against state that is in the snapshot, and under the
/// options that it was saved with until the replay is over, so that a replay repeats the verdicts.
///
/// For each record: `isDuplicate`; where that is false `begin`, the decoder, `admit`.
///
/// Cost: a few comparisons a record where there is room and nothing to deduplicate.
struct Admission: Sendable {
  /// What decoding a record came to in the end.
  enum Verdict {
    case decoded(DecodeOutcome)
    case duplicate
  }

  private(set) var options: AdmissionOptions
  private(set) var filter: DuplicateFilter?
  /// The vocabulary before the record at hand.
  private var mark = VocabularyMark()
  /// Of the record at hand, by payload.
  private var identity: RecordIdentity?
  // Counts are no part of the state.
  private var foundCount: Int64 = 0
  /// Those of the cuts before, since the partition was taken up.
  private var committed = PipelineStatus.Duplicates(
    foundCount: 0, rememberedCount: 0, forgottenEarlyCount: 0)
  private var hasWarned = false

  /// Nothing is remembered.
  init(_ options: AdmissionOptions, clock: PartitionClock, maxFutureSkewMicros: Int64) {
    self.options = options
    filter = options.duplicates.map {
      DuplicateFilter(rule: $0, clock: clock, maxFutureSkewMicros: maxFutureSkewMicros)
    }
  }

  /// Whether what is remembered stands where the windows do.
  func agrees(with clock: PartitionClock) -> Bool { filter.map { $0.clock == clock } ?? true }

  var byteCount: Int { filter?.byteCount ?? 0 }

  /// Other options from here on; whether they are other ones.
  mutating func adopt(
    _ options: AdmissionOptions, clock: PartitionClock, maxFutureSkewMicros: Int64
  ) -> Bool {
    if options == self.options { return false }
    self.options = options
    guard let rule = options.duplicates else {
      filter = nil
      return true
    }
    if filter == nil {
      filter = DuplicateFilter(
        rule: rule, clock: clock, maxFutureSkewMicros: maxFutureSkewMicros)
    } else {
      filter?.reconfigure(rule)
    }
    return true
  }

  // MARK: - Records

  /// Whether the record is a duplicate by its bytes: it need not be decoded.
  mutating func isDuplicate(_ header: RecordHeader, key: RawSpan?, payload: RawSpan?) -> Bool {
    identity = nil
    guard let rule = filter?.rule, rule.by == .payload, let payload else { return false }
    let identity = RecordIdentity(key: key, payload: payload)
    self.identity = identity
    return filter?.isDuplicate(identity, timestamp: header.timestampMicros) ?? false
  }

  /// Takes note of a record that `isDuplicate` found, and of which the batch has its entry.
  mutating func passDuplicate(_ header: RecordHeader) {
    foundCount += 1
    filter?.pass(header, device: WordTable.none, remembering: nil)
  }

  /// Before the record is decoded.
  mutating func begin(_ vocabulary: borrowing Vocabulary) { vocabulary.mark(&mark) }

  /// Judges the record that was decoded last, and takes it back where it is not let in.
  ///
  /// - Parameter faults: of this record, in the order of its rows.
  mutating func admit(
    _ decoded: DecodeOutcome, _ header: RecordHeader, in batch: inout ReadingBatch,
    _ vocabulary: inout Vocabulary, _ faults: inout [RowFault]
  ) -> Verdict {
    let limited = limit(decoded, in: &batch, &vocabulary, &faults)
    if case .dead = limited { return pass(limited, header, device: WordTable.none) }
    let record = batch.recordCount - 1
    let device = batch.recordDevices[record]
    if filter?.rule.by == .sequence, batch.schema.hasSequence {
      let sequence = batch.recordSequences[record]
      if sequence != ReadingBatch.absentSequence {
        let identity = RecordIdentity(device: device, sequence: sequence)
        if filter?.isDuplicate(identity, timestamp: header.timestampMicros) == true {
          retract(as: .duplicate, &batch, &vocabulary, &faults)
          passDuplicate(header)
          return .duplicate
        }
        // An empty record brought nothing that a copy could bring twice.
        if case .read = limited { self.identity = identity }
      }
    }
    return pass(limited, header, device: device)
  }

  /// The limits alone: judges the record that was decoded last, and takes it back where it is over
  /// one.
  func limit(
    _ decoded: DecodeOutcome, in batch: inout ReadingBatch, _ vocabulary: inout Vocabulary,
    _ faults: inout [RowFault]
  ) -> DecodeOutcome {
    if case .dead = decoded { return decoded }
    if let refusal = refusal(in: &batch, &vocabulary, &faults) {
      retract(as: .dead, &batch, &vocabulary, &faults)
      return refusal
    }
    guard case .read = decoded else { return decoded }
    return .read(rows: batch.rows(ofRecord: batch.recordCount - 1).count)
  }

  private mutating func pass(
    _ outcome: DecodeOutcome, _ header: RecordHeader, device: UInt32
  ) -> Verdict {
    let isLetIn = device != WordTable.none
    filter?.pass(header, device: device, remembering: isLetIn ? identity : nil)
    return .decoded(outcome)
  }

  private func retract(
    as outcome: Outcome, _ batch: inout ReadingBatch, _ vocabulary: inout Vocabulary,
    _ faults: inout [RowFault]
  ) {
    batch.retractLastRecord(as: outcome)
    vocabulary.retract(to: mark)
    faults.removeAll(keepingCapacity: true)
  }

  // MARK: - Limits

  /// Rows of one record that are told apart where they are lost, each with a letter that has the
  /// whole payload: as many as the decoder's.
  private static let lostRowCountMax = RecordDecoder.Options().rowFaultCountMax

  /// Why the whole record is over a limit, or nil; single rows that are go into `faults`.
  ///
  /// A partition may hold more than a limit says, where that was higher before: the words it has
  /// go on.
  private func refusal(
    in batch: inout ReadingBatch, _ vocabulary: inout Vocabulary, _ faults: inout [RowFault]
  ) -> DecodeOutcome? {
    if vocabulary.devices.count > max(options.deviceCountMax, mark.deviceCount) {
      return .dead(
        .tooManyDevices,
        detail: Self.sentence("device", mark.deviceCount, limit: options.deviceCountMax))
    }
    let wordLimit = options.attributeWordCountMax
    if let attribute = vocabulary.attribute(beyond: wordLimit, since: mark) {
      let name = batch.schema.attributes[attribute]
      return .dead(
        .tooManyAttributes,
        detail: Self.sentence("word of \(name)", mark.attributeCounts[attribute], limit: wordLimit))
    }
    let metricLimit = max(options.metricCountMax, mark.metricCount)
    guard vocabulary.metrics.count > metricLimit else { return nil }
    let detail = Self.sentence("metric name", metricLimit, limit: options.metricCountMax)
    let record = batch.recordCount - 1
    let retracted = batch.retractRows(withMetricsFrom: metricLimit)
    if batch.rows(ofRecord: record).isEmpty {
      return .dead(.tooManyMetrics, detail: "no row is left; each has " + detail)
    }
    let lostRowCount = retracted.count + faults.count { !$0.isRowKept }
    if lostRowCount > Self.lostRowCountMax {
      return .dead(
        .tooManyMetrics,
        detail: "more than \(Self.lostRowCountMax) rows are lost; one has " + detail)
    }
    vocabulary.metrics.removeWords(from: metricLimit)
    faults.replaceKept(
      by: retracted.map {
        RowFault(recordIndex: record, rowIndex: $0, reason: .tooManyMetrics, detail: detail)
      })
    return nil
  }

  private static func sentence(_ word: String, _ count: Int, limit: Int) -> String {
    "a new \(word), where the partition has \(count) and the limit is \(limit)"
  }
}

extension [RowFault] {
  /// Adds rows that are lost after all: what was kept of them is nothing to tell any more.
  ///
  /// Both lists ascend by row; the last one here goes on to count those that are not listed.
  fileprivate mutating func replaceKept(by lost: [RowFault]) {
    let unlistedCount = reduce(0) { $0 + $1.unlistedCount }
    let rows = Set(lost.map(\.rowIndex))
    removeAll { rows.contains($0.rowIndex) }
    self += lost
    sort { $0.rowIndex < $1.rowIndex }
    for index in indices { self[index].unlistedCount = index == count - 1 ? unlistedCount : 0 }
  }
}

// MARK: - Counts

extension Admission {
  /// For the status; nil where every record counts.
  var status: PipelineStatus.Duplicates? {
    guard let filter else { return nil }
    return PipelineStatus.Duplicates(
      foundCount: committed.foundCount + foundCount, rememberedCount: filter.count,
      forgottenEarlyCount: committed.forgottenEarlyCount + filter.forgottenEarlyCount)
  }

  /// At a cut: how many records were forgotten early since the last one.
  mutating func takeCounts() -> Int64 {
    let forgotten = filter?.forgottenEarlyCount ?? 0
    committed.foundCount += foundCount
    committed.forgottenEarlyCount += forgotten
    dropCounts()
    return forgotten
  }

  /// What a replay repeats was counted before.
  mutating func dropCounts() {
    foundCount = 0
    filter?.forgottenEarlyCount = 0
  }

  /// The first time that room for what is remembered runs out, a sentence for the log.
  mutating func takeWarning(of partition: TopicPartition, source: String) -> String? {
    guard let rule = filter?.rule, let status, status.forgottenEarlyCount > 0, !hasWarned else {
      return nil
    }
    hasWarned = true
    return "\(partition) has more than \(rule.recordCountMax) records within "
      + "\(rule.withinMillis / 1000) s and forgets the oldest early, so that copies of them count "
      + "again: raise deduplicate.records of source \(source)"
  }
}

// MARK: - State snapshot

extension Admission {
  /// In the order in which a snapshot has them.
  private static var savedLimits: [WritableKeyPath<AdmissionOptions, Int>] {
    [
      \.messageByteCountMax, \.depthMax, \.rowCountMax, \.deviceCountMax, \.metricCountMax,
      \.attributeWordCountMax,
    ]
  }

  /// The options it was judged under, then what is remembered.
  func encode(into writer: inout ByteWriter) {
    for limit in Self.savedLimits { writer.append(varint: UInt64(options[keyPath: limit])) }
    writer.append(filter == nil ? 0 as UInt8 : 1)
    filter?.encode(into: &writer)
  }

  /// - Parameter clock: of the windows that were saved with it.
  init(
    from reader: inout ByteReader, clock: PartitionClock, maxFutureSkewMicros: Int64,
    deviceCount: Int
  ) throws(ByteReaderError) {
    var options = AdmissionOptions.none
    for limit in Self.savedLimits {
      guard let value = Int(exactly: try reader.readVarint()) else {
        throw .malformed(filePosition: reader.filePosition)
      }
      options[keyPath: limit] = value
    }
    // No decoder can go by others.
    guard options.messageByteCountMax < 1 << 31, options.depthMax <= 64 else {
      throw .malformed(filePosition: reader.filePosition)
    }
    switch try reader.readByte() {
    case 0: filter = nil
    case 1:
      filter = try DuplicateFilter(
        from: &reader, clock: clock, maxFutureSkewMicros: maxFutureSkewMicros,
        deviceCount: deviceCount)
    default: throw .malformed(filePosition: reader.filePosition)
    }
    options.duplicates = filter?.rule
    self.options = options
  }
}
