import Base
import Decode
import Detectors
import Devices
import Ledger
import Telemetry
import Windows

/// One partition in a lane: its position, its event-time state and its output since the last cut.
///
/// It takes a record only at the offset it expects (design: "Delivery"): a lower one was delivered
/// before and is dropped; a higher one right after a positioning is fetched again once before the
/// hole is believed.
///
/// **Invariants:**
/// - I4 `output` accounts for exactly the offsets `cutFrom ..< expected`: outcomes, not delivered
///   and skipped add up to the difference, checked at every cut.
/// - I6 while `expected < replayUntil` records change state only; `output` stays empty.
final class LanePartition {
  let key: PartitionKey
  let topicPartition: TopicPartition
  let source: SourceOptions
  let sourceIndex: Int

  var vocabulary: Vocabulary
  var windows: PartitionWindows
  var detectors: PartitionDetectors
  var admission: Admission
  var devices: DeviceDirectory
  /// When the table `devices` was last given what is in it.
  var devicesTold = DevicesTold()
  var output: PartitionOutput
  private var rowFaults: [RowFault] = []
  /// Place in the current batch of the last record taken in this run.
  private var lastIndex: Int?
  /// Records of `output.readings` that event time has seen.
  var appliedRecordCount = 0

  /// The next offset that may enter the state.
  private(set) var expected: Int64
  /// Where the next move begins: the chain's `to`.
  var cutFrom: Int64
  /// Below it the chain has accounted for every offset.
  private let replayUntil: Int64
  /// What the first pass skipped of them, the replay skips too.
  private let knownGaps: [OffsetGap]
  /// What is decoded repeats what the chain has. Ends with the replay, but only once event time has
  /// seen the last replayed record and its rows are dropped.
  private(set) var dropsOutput: Bool
  /// Where open windows fire by decisions that were made before, ascending: those that the state
  /// does not hold yet.
  var decidedOffsets: [Int64]
  var silence = Silence()
  /// What the next entry will say besides rows.
  var sinceCut = SinceCut()
  /// What the configuration says now; the state may still follow what it was saved with.
  private var definitions: [DetectorDefinition]
  /// The presence bits of the metrics that the saved state knew, for as long as records are
  /// replayed: the first pass saw no others, and the new ones begin where the replay ends.
  private var replayedMetrics: [UInt64]?
  /// Attributes, by their places, that the saved state did not know: hidden for as long. Nil where
  /// it had the same ones.
  private var hiddenAttributes: [Int]?
  /// Whether the chain has a snapshot that was used: the first one says what records are judged by.
  var hasState: Bool
  /// What the first pass refused because nobody knew the schema, the replay refuses too.
  private let knownRefusals: OffsetRuns
  /// Runs of what was refused so since the last snapshot, up to the last cut.
  var refusalRunCount = 0
  /// As of the last cut, for the status.
  var stateByteCountAtCut = 0
  private var openList = OpenAnomalyList()
  /// What the chain says must lie at the witness's offset; nil once seen.
  private(set) var unverifiedWitness: Witness?
  private(set) var witness: Witness?

  var position = Position.fresh
  /// Records decoded since the lane last asked, for the flood rule.
  var share = DeadShare()

  /// Input since the last state snapshot, and when that was: what a restart would replay.
  var inputByteCountSinceState = 0
  var stateTakenAtNanos = MonotonicClock.nowNanos()
  var stateCut: Int64

  init(
    start: PartitionStart, source: SourceOptions, state: consuming RestoredState,
    output: PartitionOutput
  ) {
    definitions = source.detectors
    key = start.key
    topicPartition = start.topicPartition
    self.source = source
    sourceIndex = start.sourceIndex
    knownGaps = start.gaps
    knownRefusals = start.unknownSchemas
    hasState = start.state != nil
    decidedOffsets = start.idleOffsets.filter { $0 >= state.cut }
    let first = start.gaps.end(from: state.cut)
    expected = first
    stateCut = state.cut
    vocabulary = state.vocabulary
    windows = state.windows
    detectors = state.detectors
    admission = state.admission
    devices = state.devices
    self.output = output
    cutFrom = start.to
    replayUntil = start.to
    dropsOutput = first < start.to
    unverifiedWitness = start.witness.flatMap { $0.offset >= start.fetchFrom ? $0 : nil }
    witness = start.witness
    if let saved = windows.savedSchema {
      let schema = source.plan.schema
      if saved.metrics != schema.metrics {
        replayedMetrics = schema.presence(ofMetricsOf: saved)
      }
      if saved.attributes != schema.attributes {
        let origins = schema.attributeOrigins(in: saved)
        hiddenAttributes = origins.indices.filter { origins[$0] == nil }
      }
    }
    if !dropsOutput { endDropping() }
  }

  var isReplaying: Bool { expected < replayUntil }
  var isLost: Bool { position == .lost }

  /// Appends the state behind the last record that event time has seen.
  func encodeState(into writer: inout ByteWriter) {
    assert(
      admission.agrees(with: windows.clock), "windows and duplicates saw other records: \(key)")
    StateSnapshot.encode(
      cut: expected, vocabulary: vocabulary, windows: windows, detectors: detectors,
      admission: admission, devices: devices, into: &writer)
  }

  /// Bytes of state and words. Cost: O(devices), so at cuts only.
  var stateByteCount: Int {
    windows.byteCount + detectors.byteCount + admission.byteCount + devices.byteCount
      + vocabulary.byteCount
  }

  /// For the status, after every batch.
  var progress: PartitionProgress {
    let newest = windows.newestEventTimeMicros
    return PartitionProgress(
      position: expected, isReplaying: isReplaying, silentSinceNanos: silentSinceNanos,
      idleSinceMicros: silence.idleSinceMicros, bufferedByteCount: output.byteCount,
      clockMicros: windows.partitionClockMicros,
      newestEventTimeMicros: newest,
      watermarkMicros: newest.map { $0 - source.eventTime.outOfOrdernessMicros },
      deviceCount: vocabulary.devices.count, duplicates: admission.status,
      stateByteCount: stateByteCountAtCut,
      openAnomalies: detectors.openCounts,
      openDetails: openList.anomalies(
        in: detectors, of: source.plan.schema.source, vocabulary: vocabulary))
  }

  // MARK: - Records

  /// What the lane must do after a record or event was offered.
  enum Reaction {
    case none
    /// Ask Kafka again for `refetchOffset`, then call `didRefetch`.
    case refetch
    /// The position holds another topic's record, or none.
    case lost(reason: String, isOtherTopic: Bool)
    /// Nothing was done with the record: its schema is not known yet. Offer it again, before any
    /// later one of the partition.
    case wait(schemaID: Int32)
  }

  /// Called before the first record of a run: exchanges an output that has no capacity yet for one
  /// that has.
  func equip(from pool: OutputPool) {
    if output.isBare, let spare = pool.takeSpare(source: sourceIndex) { output = spare }
  }

  /// Offers one record of the last drain of `records`; its rows go to `output`, event time follows
  /// in `endRun`.
  func accept(
    _ header: RecordHeader, at index: Int, in batch: borrowing RecordBatch,
    from records: any RecordSource, _ reader: RecordReader
  ) -> Reaction {
    switch position {
    case .lost, .refetching, .seekingAhead, .held: return .none
    case .fresh, .refetched, .steady: break
    }
    if let witness = unverifiedWitness, header.offset > witness.offset, position == .fresh {
      // The witness did not come: ask for it once more before believing that it is gone.
      position = .refetching
      return .refetch
    }
    if let reason = contradiction(of: header, at: index, in: batch) {
      position = .lost
      return .lost(reason: reason, isOtherTopic: true)
    }
    if header.offset < expected { return position == .fresh ? seekAhead(of: header) : .none }
    if header.offset > expected {
      if position == .fresh {
        position = .refetching
        return .refetch
      }
      skipUndelivered(to: header.offset)
    }
    position = .steady
    if dropsOutput && header.offset >= replayUntil { endReplay() }
    if let decided = decidedOffsets.first, decided <= header.offset {
      applyEventTime()
      repeatDecisions(through: header.offset)
      if dropsOutput { dropOutput() }
    }
    // What was done to get here changes nothing any more when the record is offered again.
    if let schemaID = decode(header, at: index, in: batch, from: records, reader) {
      return .wait(schemaID: schemaID)
    }
    lastIndex = index
    silence.end()
    expected = header.offset + 1
    if !dropsOutput { return .none }
    expected = knownGaps.end(from: expected)
    return seekAhead(of: header)
  }

  /// A gap that is worth a seek: fewer offsets are read and dropped faster than asked for.
  private static let seekAheadCountMin: Int64 = 10_000

  /// Goes to `expected` at once where Kafka would first send everything of a known gap.
  private func seekAhead(of header: RecordHeader) -> Reaction {
    if expected - header.offset <= Self.seekAheadCountMin { return .none }
    position = .seekingAhead
    return .refetch
  }

  /// Returns the schema that it waits for, having done nothing; nil where the record is decoded.
  private func decode(
    _ header: RecordHeader, at index: Int, in batch: borrowing RecordBatch,
    from records: any RecordSource, _ reader: RecordReader
  ) -> Int32? {
    let payload = batch.payload(at: index)
    let recordKey = batch.key(at: index)
    let byteCount = (payload?.byteCount ?? 0) + (recordKey?.byteCount ?? 0)
    if admission.isDuplicate(header, key: recordKey, payload: payload) {
      output.readings.appendRecord(header, as: .duplicate)
      admission.passDuplicate(header)
      inputByteCountSinceState += byteCount
      return nil
    }
    admission.begin(vocabulary)
    let outcome: DecodeOutcome
    defer { rowFaults.removeAll(keepingCapacity: true) }
    switch read(header, key: recordKey, payload: payload, at: index, from: records, reader) {
    case .waiting(let schemaID): return schemaID
    case .outcome(let decoded):
      inputByteCountSinceState += byteCount
      let verdict = admission.admit(
        decoded, header, in: &output.readings, &vocabulary, &rowFaults)
      guard case .decoded(let admitted) = verdict else {
        return nil
      }
      outcome = admitted
    }
    if !dropsOutput { share.recordCount += 1 }
    let isDead = if case .dead = outcome { true } else { false }
    guard isDead || !rowFaults.isEmpty else { return nil }
    let record = LetterRecord(
      header, key: recordKey, payload: payload, headersJSON: records.headersJSON(at: index))
    if case .dead(let reason, let detail) = outcome {
      if !dropsOutput { share.deadCount += 1 }
      if reason == .unknownSchema, !dropsOutput { sinceCut.unknownSchemas.insert(header.offset) }
      output.append(DeadLetter(record, reason, detail: detail))
    }
    for fault in rowFaults { output.append(DeadLetter(record, fault)) }
    return nil
  }

  /// Reads a record; in a replay by what the first pass went by.
  private func read(
    _ header: RecordHeader, key: RawSpan?, payload: RawSpan?, at index: Int,
    from records: any RecordSource, _ reader: RecordReader
  ) -> RecordReader.Result {
    if dropsOutput, knownRefusals.contains(header.offset) {
      return .outcome(reader.refuseAgain(header, in: &output.readings))
    }
    let reader = dropsOutput ? reader.replaying(by: replayOptions) : reader
    // Beside those, a schema that is not found now was found then: such records end no replay.
    return reader.read(
      header, key: key, payload: payload, into: &output.readings, vocabulary: &vocabulary,
      faults: &rowFaults, believesNotFound: !dropsOutput, countsDrift: !dropsOutput
    ) { name, values in records.header(name, at: index, into: &values) }
  }

  /// What the first pass decoded by.
  private var replayOptions: RecordDecoder.Options {
    var options = admission.options.decoding
    if let hiddenAttributes { options.hiddenAttributes = hiddenAttributes }
    return options
  }

  /// The first time that room for what is remembered runs out, a sentence for the log.
  func takeForgettingWarning() -> String? {
    admission.takeWarning(of: topicPartition, source: source.plan.schema.source)
  }

  /// Ends a run of records of this partition within a batch: runs event time over them and keeps
  /// the last one as the witness, while its bytes are still there.
  func endRun(in batch: borrowing RecordBatch) {
    if let lastIndex {
      let header = batch.headers[lastIndex]
      witness = Witness(
        offset: header.offset, timestampMicros: header.timestampMicros,
        checksum: Witness.checksum(
          key: batch.key(at: lastIndex), payload: batch.payload(at: lastIndex)))
    }
    lastIndex = nil
    applyEventTime()
  }

  /// The partition is at its end: offsets up to it are accounted for, delivered or not, so that
  /// trailing transaction markers do not hold the position.
  func acceptEnd(at offset: Int64) -> Reaction {
    switch position {
    case .lost, .refetching, .seekingAhead, .held: return .none
    case .fresh, .refetched, .steady: break
    }
    if offset > expected {
      if position == .fresh {
        position = .refetching
        return .refetch
      }
      skipUndelivered(to: offset)
      position = .steady
    }
    // One of before a record that has come since says nothing.
    if offset == expected { silence.reachEnd() }
    return .none
  }

  /// Kafka says that `expected` does not exist.
  func losePosition() -> Reaction {
    guard position != .lost else { return .none }
    position = .lost
    return .lost(reason: "Kafka has no offset \(expected) (any more)", isOtherTopic: false)
  }

  /// Goes on at `offset` by decision: what lies between is a gap, not a loss nobody knows of.
  func skipGap(to offset: Int64, reason: String) {
    if offset <= expected { return }
    if isReplaying {
      // Rows of these offsets are in the tables; only the state goes without them.
      sinceCut.gaps += knownGaps.uncovered(in: expected..<min(offset, replayUntil)).map {
        OffsetGap(from: $0.lowerBound, to: $0.upperBound, reason: OffsetGap.state)
      }
    }
    if offset > replayUntil {
      sinceCut.gaps.append(OffsetGap(from: max(expected, replayUntil), to: offset, reason: reason))
    }
    expected = knownGaps.end(from: offset)
    if dropsOutput && !isReplaying { endReplay() }
    unverifiedWitness = nil
    position = .fresh
  }

  private func skipUndelivered(to offset: Int64) {
    // What lies below `replayUntil` was counted by the entry that covered it.
    sinceCut.notDelivered += max(0, offset - max(expected, replayUntil))
    expected = dropsOutput ? knownGaps.end(from: offset) : offset
    if dropsOutput && !isReplaying { endReplay() }
  }

  /// Why this record shows that the topic is not the one the chain knows, or nil.
  private func contradiction(
    of header: RecordHeader, at index: Int, in batch: borrowing RecordBatch
  ) -> String? {
    guard let known = unverifiedWitness, header.offset >= known.offset else { return nil }
    unverifiedWitness = nil
    // Compaction may have removed the witness: no proof, but no contradiction either.
    guard header.offset == known.offset else { return nil }
    let checksum = Witness.checksum(key: batch.key(at: index), payload: batch.payload(at: index))
    if checksum == known.checksum && header.timestampMicros == known.timestampMicros { return nil }
    return PositionFault.otherRecord(offset: known.offset).detail
  }

  // MARK: - Event time

  private func applyEventTime() {
    let end = output.readings.recordCount
    if appliedRecordCount < end {
      if let replayedMetrics {
        let firstRow = output.readings.recordRowStarts[appliedRecordCount]
        output.readings.hideMetrics(except: replayedMetrics, fromRow: firstRow)
      }
      windows.apply(
        &output.readings, records: appliedRecordCount..<end, vocabulary: vocabulary,
        into: &output.firings)
      // Behind the windows: they flag the readings that detectors pass over.
      detectors.apply(
        output.readings, records: appliedRecordCount..<end, vocabulary: vocabulary,
        into: &output.anomalies)
      devices.apply(
        output.readings, records: appliedRecordCount..<end,
        deviceCount: vocabulary.devices.count)
      appliedRecordCount = end
    }
    guard dropsOutput else { return }
    dropOutput()
    if !isReplaying { endDropping() }
  }

  /// The state stands where the chain does; what comes from here on is new.
  private func endReplay() {
    applyEventTime()
    if dropsOutput { endDropping() }
  }

  private func endDropping() {
    if let decided = decidedOffsets.first, decided <= replayUntil {
      dropsOutput = true
      repeatDecisions(through: replayUntil)
      dropOutput()
    }
    dropsOutput = false
    adoptConfiguration()
  }

  /// From this offset on everything is as the configuration says now.
  private func adoptConfiguration() {
    if replayedMetrics != nil { sinceCut.hasOtherMetrics = true }
    if hiddenAttributes != nil { sinceCut.hasOtherAttributes = true }
    (replayedMetrics, hiddenAttributes) = (nil, nil)
    let hasClosed = detectors.closeGone(
      offset: expected, vocabulary: vocabulary, into: &output.anomalies)
    if hasClosed { sinceCut.hasOtherMetrics = true }
    adoptDefinitions()
    adoptAdmission()
  }

  /// Limits and duplicates as the configuration has them, from this offset on: the next entry must
  /// bring the state.
  private func adoptAdmission() {
    let isChanged = admission.adopt(
      source.admission, clock: windows.clock,
      maxFutureSkewMicros: source.eventTime.maxFutureSkewMicros)
    if isChanged { sinceCut.hasNewAdmission = true }
  }

  // MARK: - Detectors

  /// Other detectors from here on: the session says so right behind a cut.
  func reconfigure(_ definitions: [DetectorDefinition]) {
    self.definitions = definitions
    if !dropsOutput { adoptDefinitions() }
  }

  /// The state takes over what the configuration says. Where that changes anything, the next entry
  /// must bring the state: this offset is the cut at which the change takes effect.
  private func adoptDefinitions() {
    if detectors.definitions == definitions { return }
    detectors.reconfigure(
      definitions, offset: expected, vocabulary: vocabulary, into: &output.anomalies)
    sinceCut.hasNewDetectors = true
  }

  /// Rows and counts of replayed records are in the chain already.
  private func dropOutput() {
    output.removeAll()
    appliedRecordCount = 0
    windows.counts = EventTimeCounts()
    detectors.counts = DetectorCounts()
    admission.dropCounts()
  }

  /// Fires every open window, as decided for the end of a finite input; the decision is recorded
  /// at this offset, with the state after it.
  func fireOpenWindows() {
    guard !isReplaying, !isLost else { return }
    windows.fireOpenWindows(vocabulary: vocabulary, into: &output.firings)
    sinceCut.decisions.append(Decision(kind: .fireOpenWindows, key: key, offset: expected))
    // Watermarks have moved without an offset.
    devicesTold.cut = nil
  }
}
