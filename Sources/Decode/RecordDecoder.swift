package import Telemetry

/// Turns the records of one source into readings: one decoder a lane and source.
///
///     payload ─▶ WireDecoder ───────────────────────▶ slots ─▶ checks ─▶ ReadingBatch
///            └─▶ pre-scan ─▶ libprotobuf-c (arena) ─▶ slots ─┘
///                (message types with `required` fields, and the tests' reference)
///
/// Every call appends exactly one record entry to the batch, whatever becomes of the record, and
/// the rows of a record that was read. A record without readings leaves no trace but its entry: no
/// row, no word in the vocabulary (an empty one leaves its device and attributes).
///
/// **Invariants:** nothing refers to a record's bytes after `decode` returns. Cost: nothing
/// allocated in a steady state.
@safe
package struct RecordDecoder: ~Copyable, @unchecked Sendable {
  // @unchecked because it owns all memory its pointers lead to and cannot be copied: a lane takes
  // it along to its thread.

  /// Bounds on what one record may cost. Steps are bounded as well, by the record's size and the
  /// memory of its rows (`SlotMemory`).
  package struct Options: Equatable, Sendable {
    /// Most memory the rows of one record, or what libprotobuf-c unpacks it into, may take, in
    /// bytes. A hostile payload of empty elements needs a row for every two bytes; libprotobuf-c
    /// needs up to 60 times its size, and two to five times an honest one's.
    package var unpackByteCountMax: Int
    /// Most lost rows of one record that are told apart, since each becomes a dead letter with the
    /// whole payload: with more of them the record is dead as a whole. As many rows that are kept
    /// without a metric are told apart; the last of them says how many more there are.
    package var rowFaultCountMax: Int
    /// Longest message, in bytes; below 2 GiB, so that a word tells where a text in it lies.
    package var payloadByteCountMax: Int
    /// Messages and groups within each other, the outermost not counted; at most 64.
    package var depthMax: Int
    /// Rows of one record.
    package var rowCountMax: Int
    /// Attributes, by their places in the schema, that are not read and not judged: no record has
    /// them. For records of a time when the source did not have them yet.
    package var hiddenAttributes: [Int] = []

    package init(
      unpackByteCountMax: Int = 512 << 20, rowFaultCountMax: Int = 100,
      payloadByteCountMax: Int = (1 << 24) - 1, depthMax: Int = 64,
      rowCountMax: Int = Int(Int32.max)
    ) {
      precondition(
        payloadByteCountMax < 1 << 31 && (0...WireDecoder.depthMax).contains(depthMax),
        "places in a payload have 31 bits, and decoders go 64 deep")
      self.unpackByteCountMax = unpackByteCountMax
      self.rowFaultCountMax = rowFaultCountMax
      self.payloadByteCountMax = payloadByteCountMax
      self.depthMax = depthMax
      self.rowCountMax = rowCountMax
    }
  }

  let plan: CompiledMapping
  let options: Options
  let vitalRecordSlots: Set<Int>
  private let wire: WireDecoder
  /// Set for messages that the wire plan does not serve.
  private let reference: ReferenceDecoder?
  var slots: SlotMemory
  /// Rows of a map that are to be left out, because a later entry has their key; empty if none.
  var supersededRows: [Bool] = []
  var rowKeys = RowKeyTable()

  package init(_ plan: DecodePlan, options: Options = Options()) {
    self.init(plan, options: options, usesReference: !plan.readsWire)
  }

  /// - Parameter usesReference: reads with libprotobuf-c whatever the message type is.
  init(_ plan: DecodePlan, options: Options, usesReference: Bool) {
    let plan = plan.compiled
    self.plan = plan
    self.options = options
    vitalRecordSlots = plan.vitalRecordSlots(hiding: options.hiddenAttributes)
    wire = WireDecoder(plan.wire, depthMax: options.depthMax)
    slots = SlotMemory(
      record: plan.wire.record, row: plan.wire.row, byteCountMax: options.unpackByteCountMax,
      rowCountMax: options.rowCountMax)
    reference = usesReference
      ? ReferenceDecoder(
        plan, byteCountMax: options.unpackByteCountMax, depthMax: options.depthMax) : nil
  }

  /// Decodes one record. `batch` must have the plan's schema and `vocabulary` be its partition's;
  /// bad rows of a record that is read are appended to `faults`.
  /// `headers` has the values of the mapping's `headerNames`, where it has any. With `countsDrift`
  /// what the schema does not know goes to the next `takeDrift`.
  package mutating func decode(
    header: RecordHeader, key: RawSpan?, payload: RawSpan?, headers: HeaderValues = HeaderValues(),
    into batch: inout ReadingBatch, vocabulary: inout Vocabulary, faults: inout [RowFault],
    countsDrift: Bool = true
  ) -> DecodeOutcome {
    let firstFault = faults.count
    let firstRow = batch.rowCount
    let outcome: DecodeOutcome
    if let payload {
      let record = RecordParts(header: header, key: key, headers: headers)
      outcome = decode(payload, record, into: &batch, &vocabulary, &faults)
      if slots.drift.isPending {
        if countsDrift { slots.drift.keep(of: payload, header) } else { slots.drift.drop() }
      }
    } else {
      outcome = .dead(.nullPayload, detail: "the record has no value")
    }
    if case .dead = outcome {
      precondition(batch.rowCount == firstRow, "a dead record leaves no rows")
      faults.removeSubrange(firstFault...)
    }
    appendEntry(header, outcome, to: &batch)
    return outcome
  }

  /// Takes in a record that is dead before its message is looked at: its envelope says so.
  package func refuse(
    _ header: RecordHeader, _ reason: DeadReason, detail: String, in batch: inout ReadingBatch
  ) -> DecodeOutcome {
    appendEntry(header, .dead(reason, detail: detail), to: &batch)
    return .dead(reason, detail: detail)
  }

  private func appendEntry(
    _ header: RecordHeader, _ outcome: DecodeOutcome, to batch: inout ReadingBatch
  ) {
    batch.recordOffsets.append(header.offset)
    batch.recordTimestamps.append(header.timestampMicros)
    batch.recordHasAppendTime.append(header.hasAppendTime)
    batch.recordRowStarts.append(batch.rowCount)
    switch outcome {
    case .read: batch.recordOutcomes.append(.read)
    case .empty: batch.recordOutcomes.append(.empty)
    case .dead:
      batch.recordOutcomes.append(.dead)
      batch.recordDevices.append(WordTable.none)
      for _ in plan.readers.attributes { batch.recordAttributes.append(WordTable.none) }
      if plan.readers.sequence != nil {
        batch.recordSequences.append(ReadingBatch.absentSequence)
      }
    }
  }

  // MARK: - One record

  private mutating func decode(
    _ payload: RawSpan, _ record: RecordParts, into batch: inout ReadingBatch,
    _ vocabulary: inout Vocabulary, _ faults: inout [RowFault]
  ) -> DecodeOutcome {
    guard payload.byteCount <= options.payloadByteCountMax else {
      return .dead(
        .tooLarge,
        detail: "\(payload.byteCount) bytes, and the limit is \(options.payloadByteCountMax)")
    }
    let fault = wire.read(payload, into: &slots)
    // Of a broken message nobody knows what was meant.
    if fault != nil { slots.drift.drop() }
    guard let reference else {
      if let fault {
        if fault.reason == .tooManyRows { return tooManyRows }
        return .dead(fault.reason, detail: plan.describe(fault))
      }
      return takeSlots(payload, record, into: &batch, &vocabulary, &faults)
    }
    // Here the plan's walk was for drift alone: it costs little beside what comes.
    if let dead = reference.read(payload, into: &slots) {
      if case .dead(.tooManyRows, _) = dead { return tooManyRows }
      return dead
    }
    // A copy of its own, so that nothing of the reference is borrowed while slots are read.
    let texts = reference.texts
    return unsafe takeSlots(texts.span.bytes, record, into: &batch, &vocabulary, &faults)
  }

  private var tooManyRows: DecodeOutcome {
    .dead(.tooManyRows, detail: "more than \(options.rowCountMax) rows, which is the limit")
  }

  /// Reads only, into slots: what the wire plan does before any check, for benchmarks.
  package mutating func readSlots(_ payload: RawSpan) -> Bool {
    let isSound = wire.read(payload, into: &slots) == nil
    if slots.drift.isPending { slots.drift.drop() }
    return isSound
  }

  /// Judges what was read, and appends it. `texts` are the bytes that words of texts count in.
  private mutating func takeSlots(
    _ texts: RawSpan, _ record: RecordParts, into batch: inout ReadingBatch,
    _ vocabulary: inout Vocabulary, _ faults: inout [RowFault]
  ) -> DecodeOutcome {
    if !plan.enumSlots.isEmpty { noteUnknownNumbers() }
    if let fault = wrongTypeFault() ?? textFault(texts, record, vocabulary)
      ?? deviceFault(texts, record)
    {
      return fault
    }
    var time: EventTime?
    if !plan.readers.time.isInRow {
      switch recordTime(record) {
      case .success(let read): time = read
      case .failure(let fault): return .dead(fault.reason, detail: fault.detail)
      }
    }
    let outcome = appendRows(texts, time, into: &batch, &vocabulary, &faults)
    if case .dead = outcome { return outcome }
    appendWords(texts, record, into: &batch, &vocabulary)
    return outcome
  }

  /// The record's sequence, and whether it has one that its column cannot hold.
  func sequence() -> (value: Int64, isOutOfRange: Bool) {
    guard let reader = plan.readers.sequence, let word = recordWord(reader) else {
      return (ReadingBatch.absentSequence, false)
    }
    let isOutOfRange =
      reader.kind == .unsigned64
      ? word > UInt64(Int64.max) : Int64(bitPattern: word) == ReadingBatch.absentSequence
    return (isOutOfRange ? ReadingBatch.absentSequence : Int64(bitPattern: word), isOutOfRange)
  }
}
