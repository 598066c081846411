import Telemetry

/// What a Kafka record has beside its value.
struct RecordParts: ~Escapable {
  let header: RecordHeader
  let key: RawSpan?
  let headers: HeaderValues

  @_lifetime(copy key)
  init(header: RecordHeader, key: RawSpan?, headers: HeaderValues) {
    self.header = header
    self.key = key
    self.headers = headers
  }
}

/// A dead record, before it is an outcome.
struct RecordFault: Error {
  var reason: DeadReason
  var detail: String
}

// The device, attributes and time of one record: checks, and words.

extension RecordDecoder {
  /// The record with a field that it cannot do without and whose wire type is wrong.
  func wrongTypeFault() -> DecodeOutcome? {
    if let fault = slots.wrongRows { return .dead(fault.reason, detail: plan.describe(fault)) }
    guard slots.faults.isInRecord else { return nil }
    for slot in SlotsOfBits(slots.faults.record[...]) where vitalRecordSlots.contains(slot) {
      return .dead(
        .wrongType, detail: "\(plan.tree.recordPaths[slot]): \(plan.sentence(for: .wrongType))")
    }
    return nil
  }

  /// The record with a string that cannot become a word, or nil if all can.
  func textFault(
    _ texts: RawSpan, _ record: borrowing RecordParts, _ vocabulary: borrowing Vocabulary
  ) -> DecodeOutcome? {
    if let fault = textFault(plan.readers.device, texts, record, known: vocabulary.devices) {
      return fault
    }
    for index in plan.readers.attributes.indices where !isHidden(index) {
      let fault = textFault(
        plan.readers.attributes[index], texts, record, known: vocabulary.attributes[index])
      if let fault { return fault }
    }
    return nil
  }

  private func textFault(
    _ origin: TextOrigin, _ texts: RawSpan, _ record: borrowing RecordParts,
    known: borrowing WordTable
  ) -> DecodeOutcome? {
    switch origin {
    case .slot(let reader):
      guard reader.kind == .text, let word = recordWord(reader) else { return nil }
      let range = PlanTree.range(of: word)
      return textFault(texts.extracting(range), known: known) {
        "\(plan.tree.recordPaths[reader.slot]) at byte \(range.lowerBound)"
      }
    case .key:
      guard let key = record.key else { return nil }
      return textFault(key, known: known) { "the key" }
    case .header(let index):
      guard let value = record.headers.value(at: index) else { return nil }
      return textFault(value, known: known) { "the header \(plan.mapping.headerNames[index])" }
    }
  }

  private func textFault(
    _ text: RawSpan, known: borrowing WordTable, place: () -> String
  ) -> DecodeOutcome? {
    let limit = StringBounds.recordTextByteCountMax
    // A word that is known was judged when it became one.
    if text.byteCount <= limit, known.index(of: text) != nil { return nil }
    guard let reason = TextCheck.fault(text, 0..<text.byteCount, byteCountMax: limit) else {
      return nil
    }
    return .dead(reason, detail: "\(place()): \(plan.sentence(for: reason))")
  }

  /// The record without a usable device, or nil if it has one.
  func deviceFault(_ texts: RawSpan, _ record: borrowing RecordParts) -> DecodeOutcome? {
    switch plan.readers.device {
    case .slot(let reader):
      if let word = recordWord(reader), word & 0xFFFF_FFFF != 0 { return nil }
      return .dead(.noDevice, detail: "the device is absent or empty")
    case .key:
      if let key = record.key, key.byteCount > 0 { return nil }
      return .dead(.noDevice, detail: "the record has no key, which is to be the device")
    case .header(let index):
      if let value = record.headers.value(at: index), value.byteCount > 0 { return nil }
      let name = plan.mapping.headerNames[index]
      return .dead(.noDevice, detail: "the record has no header \(name), which is to be the device")
    }
  }

  /// The word of a slot of the record; nil if it is absent.
  func recordWord(_ reader: SlotReader) -> UInt64? {
    let layout = slots.recordLayout
    guard unsafe layout.isPresent(reader.slot, in: slots.record) else { return nil }
    let word = unsafe layout.word(reader.slot, in: slots.record)
    return reader.meansAbsent(word) ? nil : word
  }

  /// The event time of all rows.
  func recordTime(_ record: borrowing RecordParts) -> Result<EventTime, RecordFault> {
    let time = plan.readers.time
    let field = plan.mapping.time.field
    switch time.origin {
    case .slot:
      if let read = unsafe time.read(slots.recordLayout, slots.record) { return .success(read) }
    case .kafkaTimestamp:
      if let read = time.read(kafkaTimestamp: record.header.timestampMicros) {
        return .success(read)
      }
    case .header(let index):
      guard let value = record.headers.value(at: index) else { break }
      switch HeaderNumber(value) {
      case .number(let number):
        if let read = time.read(number) { return .success(read) }
      case .absent: break
      case .unreadable:
        return .failure(
          RecordFault(
            reason: .badTime,
            detail: "\(field) is neither a whole number in text nor one of eight bytes"))
      }
    }
    return .failure(RecordFault(reason: .noTime, detail: "\(field) is absent or 0"))
  }

  // MARK: - Words

  /// Appends device, attributes and sequence of a record that is read or empty.
  mutating func appendWords(
    _ texts: RawSpan, _ record: borrowing RecordParts, into batch: inout ReadingBatch,
    _ vocabulary: inout Vocabulary
  ) {
    batch.recordDevices.append(
      word(plan.readers.device, texts, record, in: &vocabulary.devices))
    for index in plan.readers.attributes.indices {
      batch.recordAttributes.append(
        isHidden(index)
          ? WordTable.none
          : word(plan.readers.attributes[index], texts, record, in: &vocabulary.attributes[index]))
    }
    if plan.readers.sequence != nil { batch.recordSequences.append(sequence().value) }
  }

  private func isHidden(_ attribute: Int) -> Bool {
    !options.hiddenAttributes.isEmpty && options.hiddenAttributes.contains(attribute)
  }

  private func word(
    _ origin: TextOrigin, _ texts: RawSpan, _ record: borrowing RecordParts,
    in table: inout WordTable
  ) -> UInt32 {
    switch origin {
    case .slot(let reader):
      guard let word = recordWord(reader) else { return WordTable.none }
      if reader.kind == .name {
        let name = plan.enumerations[reader.enumeration].bytes(of: Int64(bitPattern: word))
        return unsafe table.intern(name.span.bytes)
      }
      return table.intern(texts.extracting(PlanTree.range(of: word)))
    case .key:
      guard let key = record.key else { return WordTable.none }
      return table.intern(key)
    case .header(let index):
      guard let value = record.headers.value(at: index) else { return WordTable.none }
      return table.intern(value)
    }
  }
}
