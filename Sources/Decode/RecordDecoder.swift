import CProtobufC
package import Telemetry

/// Turns the records of one source into readings: one decoder a lane and source.
///
///     payload ── WireScanner ──▶ structure sound, strings located ── libprotobuf-c ──▶ C structs
///                                     │                              (into the arena)     │
///                                     └── bytes of strings ──▶ ReadingBatch ◀── numbers ──┘
///
/// Every call appends exactly one record entry to the batch, whatever becomes of the record, and
/// the rows of a record that was read. A record without readings leaves no trace but its entry: no
/// row, no word in the vocabulary (an empty one leaves its device and attributes).
///
/// **Invariants:** nothing refers to a record's bytes or to its unpacked structs after `decode`
/// returns. Cost: nothing allocated in a steady state.
@safe
package struct RecordDecoder: ~Copyable, @unchecked Sendable {
  // @unchecked because it owns all memory its pointers lead to and cannot be copied: a lane takes
  // it along to its thread.

  /// Bounds on what one record may cost.
  package struct Options: Sendable {
    /// Most memory one record may unpack into, in bytes. libprotobuf-c needs up to 60 times the
    /// size of a hostile payload (millions of empty elements), and two to five times an honest one.
    package var unpackByteCountMax: Int

    package init(unpackByteCountMax: Int = 512 << 20) {
      self.unpackByteCountMax = unpackByteCountMax
    }
  }

  let plan: CompiledMapping
  let arena: Arena
  var findings: WireFindings
  /// Structs of the record's and of the row's groups at hand.
  var recordBases: [UnsafeRawPointer?]
  var rowBases: [UnsafeRawPointer?]

  package init(_ plan: DecodePlan, options: Options = Options()) {
    let plan = plan.compiled
    self.plan = plan
    arena = Arena(
      firstByteCount: min(64 << 10, options.unpackByteCountMax),
      byteCountMax: options.unpackByteCountMax)
    findings = WireFindings(slotCount: plan.texts.count)
    unsafe recordBases = Array(repeating: nil, count: plan.recordGroups.count + 1)
    unsafe rowBases = Array(repeating: nil, count: plan.rowGroups.count + 1)
  }

  /// Decodes one record. `batch` must have the plan's schema and `vocabulary` be its partition's;
  /// bad rows of a record that is read are appended to `faults`.
  package mutating func decode(
    header: RecordHeader, key: RawSpan?, payload: RawSpan?, into batch: inout ReadingBatch,
    vocabulary: inout Vocabulary, faults: inout [RowFault]
  ) -> DecodeOutcome {
    let firstFault = faults.count
    let firstRow = batch.rowCount
    let outcome: DecodeOutcome
    if let payload {
      outcome = decode(payload, key, into: &batch, &vocabulary, &faults)
    } else {
      outcome = .dead(.nullPayload, detail: "the record has no value")
    }
    batch.recordOffsets.append(header.offset)
    batch.recordTimestamps.append(header.timestampMicros)
    batch.recordHasAppendTime.append(header.hasAppendTime)
    batch.recordRowStarts.append(batch.rowCount)
    switch outcome {
    case .read: batch.recordOutcomes.append(.read)
    case .empty: batch.recordOutcomes.append(.empty)
    case .dead:
      precondition(batch.rowCount == firstRow, "a dead record leaves no rows")
      faults.removeSubrange(firstFault...)
      batch.recordOutcomes.append(.dead)
      batch.recordDevices.append(WordTable.none)
      for _ in plan.attributes { batch.recordAttributes.append(WordTable.none) }
      if plan.sequence != nil { batch.recordSequences.append(ReadingBatch.absentSequence) }
    }
    return outcome
  }

  // MARK: - One record

  private mutating func decode(
    _ payload: RawSpan, _ key: RawSpan?, into batch: inout ReadingBatch,
    _ vocabulary: inout Vocabulary, _ faults: inout [RowFault]
  ) -> DecodeOutcome {
    guard payload.byteCount <= Int(Int32.max) else {
      return .dead(.tooLarge, detail: "\(payload.byteCount) bytes are more than a message may have")
    }
    if let fault = WireScanner.scan(payload, table: plan.scan, into: &findings)
      ?? findings.contentFault
    {
      return .dead(fault.reason, detail: plan.describe(fault))
    }
    arena.reset()
    guard let message = unsafe unpack(payload) else { return refused(payload) }
    unsafe resolve(plan.recordGroups, from: message, into: &recordBases)
    if let fault = textFault() ?? deviceFault(key) { return fault }
    let outcome = unsafe appendRows(message, payload, into: &batch, &vocabulary, &faults)
    if case .dead = outcome { return outcome }
    appendWords(payload, key, into: &batch, &vocabulary)
    return outcome
  }

  /// Unpacks into the arena; nil if libprotobuf-c refuses, or the arena is used up.
  @unsafe
  private func unpack(_ payload: RawSpan) -> UnsafeRawPointer? {
    let count = payload.byteCount
    if findings.groups.isEmpty {
      return unsafe payload.withUnsafeBytes { bytes in
        unsafe UnsafeRawPointer(
          protobuf_c_message_unpack(
            plan.descriptors.descriptor(of: plan.type), arena.allocator, count,
            bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)))
      }
    }
    guard let copy = unsafe arena.allocate(byteCount: count) else { return nil }
    let masked = unsafe UnsafeMutableRawBufferPointer(start: copy, count: count)
    unsafe payload.withUnsafeBytes { unsafe masked.copyMemory(from: $0) }
    var span = unsafe masked.mutableBytes
    GroupMask.apply(findings.groups, to: &span)
    return unsafe UnsafeRawPointer(
      protobuf_c_message_unpack(
        plan.descriptors.descriptor(of: plan.type), arena.allocator, count,
        copy.assumingMemoryBound(to: UInt8.self)))
  }

  /// Why an unpack failed that the scanner had let pass.
  private func refused(_ payload: RawSpan) -> DecodeOutcome {
    if arena.isExhausted {
      return .dead(
        .tooLarge, detail: "unpacking \(payload.byteCount) bytes needs more memory than allowed")
    }
    if plan.type.hasRequiredField {
      return .dead(.missingRequired, detail: "a required field of \(plan.type.name) is absent")
    }
    return .dead(.unpackRefused, detail: "libprotobuf-c cannot unpack it as \(plan.type.name)")
  }

  /// The record with a string that cannot become a word, or nil if all can.
  private func textFault() -> DecodeOutcome? {
    for index in findings.texts.indices where findings.texts[index].fault != nil {
      let text = plan.texts[index]
      guard let found = find(text), let reason = found.fault else { continue }
      let place = "\(plan.textPaths[index]) at byte \(found.range.start)"
      return .dead(reason, detail: "\(place): \(plan.sentence(for: reason))")
    }
    return nil
  }

  /// The record without a usable device, or nil if it has one.
  private func deviceFault(_ key: RawSpan?) -> DecodeOutcome? {
    if let device = plan.device {
      guard let found = find(plan.texts[device]), found.range.count > 0 else {
        return .dead(.noDevice, detail: "the device is absent or empty")
      }
      return nil
    }
    guard let key, key.byteCount > 0 else {
      return .dead(.noDevice, detail: "the record has no key, which is to be the device")
    }
    guard key.byteCount <= StringBounds.recordTextByteCountMax else {
      return .dead(.stringTooLong, detail: "the key has \(key.byteCount) bytes")
    }
    switch TextCheck.judge(key, start: 0, count: key.byteCount) {
    case .valid: return nil
    case .invalidUTF8: return .dead(.invalidUTF8, detail: "the key is not UTF-8")
    case .nul: return .dead(.nulInString, detail: "the key holds a NUL")
    }
  }

  /// What was found of a string of the record; nil if it is absent.
  private func find(_ text: TextMember) -> FoundText? {
    guard let base = unsafe recordBases[Int(text.member.group)],
      unsafe isPresent(text, in: base)
    else { return nil }
    let found = findings.texts[text.slot]
    precondition(
      found.range.start >= 0, "a string that libprotobuf-c unpacked was seen on the wire")
    return text.member.presence == .nonZero && found.range.count == 0 ? nil : found
  }

  /// Appends device, attributes and sequence of a record that is read or empty.
  private mutating func appendWords(
    _ payload: RawSpan, _ key: RawSpan?, into batch: inout ReadingBatch,
    _ vocabulary: inout Vocabulary
  ) {
    if let device = plan.device, let found = find(plan.texts[device]) {
      batch.recordDevices.append(vocabulary.devices.intern(payload.extracting(found.range)))
    } else if let key {
      batch.recordDevices.append(vocabulary.devices.intern(key))
    }
    for index in plan.attributes.indices {
      if let found = find(plan.texts[plan.attributes[index]]) {
        batch.recordAttributes.append(
          vocabulary.attributes[index].intern(payload.extracting(found.range)))
      } else {
        batch.recordAttributes.append(WordTable.none)
      }
    }
    if plan.sequence != nil { batch.recordSequences.append(sequence().value) }
  }

  /// The record's sequence, and whether it has one that its column cannot hold.
  func sequence() -> (value: Int64, isOutOfRange: Bool) {
    guard let member = plan.sequence, let base = unsafe recordBases[Int(member.group)] else {
      return (ReadingBatch.absentSequence, false)
    }
    let word = unsafe loadWord(member, in: base)
    guard unsafe isPresent(member, in: base, word: word) else {
      return (ReadingBatch.absentSequence, false)
    }
    let isOutOfRange =
      member.kind == .uint64
      ? word > UInt64(Int64.max) : Int64(bitPattern: word) == ReadingBatch.absentSequence
    return (isOutOfRange ? ReadingBatch.absentSequence : Int64(bitPattern: word), isOutOfRange)
  }
}

extension RawSpan {
  @_lifetime(copy self)
  func extracting(_ range: WireRange) -> RawSpan {
    extracting(Int(range.start)..<Int(range.start) + Int(range.count))
  }
}
