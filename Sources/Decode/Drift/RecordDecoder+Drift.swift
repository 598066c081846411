import Telemetry

// What the records have that their schema does not: docs/DECODING.md, "Drift".

extension WireDecoder {
  /// Notes a field that its message does not declare, or not with that wire type, where something
  /// of the message is mapped. `range` is its value's, behind the tag.
  func noteUnknown(
    _ tag: UInt32, node: Int, _ range: Range<Int>, _ slots: inout SlotMemory
  ) {
    guard let type = plan.mappedType(ofNode: node) else { return }
    let number = tag >> 3
    if tag & 7 == 3, plan.declaresGroup(number, node: node) { return }
    slots.drift.note(
      DriftTally.Key(messageIndex: type, fieldNumber: number), wireType: UInt8(tag & 7), range)
  }

  /// Notes a number that a closed enum does not have: no slot ever has it.
  func noteUnknownNumber(
    _ enumNumber: Int32, of number: UInt32, node: Int, _ range: Range<Int>,
    _ slots: inout SlotMemory
  ) {
    guard let type = plan.mappedType(ofNode: node) else { return }
    slots.drift.note(
      DriftTally.Key(messageIndex: type, fieldNumber: number, enumNumber: enumNumber),
      wireType: 0, range)
  }
}

/// A slot that holds numbers of an enum.
struct EnumSlot: Hashable {
  var slot: Int
  var isInRow: Bool
  /// Index into `CompiledMapping.enumerations`.
  var enumeration: Int
  /// The field that it is read from: its message's index in the pool, and its number.
  var messageIndex: Int32
  var fieldNumber: UInt32
}

extension RecordDecoder {
  /// Notes the numbers of mapped enums that have no name, of the record and all of its rows.
  mutating func noteUnknownNumbers() {
    for field in plan.enumSlots {
      if !field.isInRow {
        unsafe note(field, slots.recordLayout, slots.record)
        continue
      }
      for row in 0..<slots.rowCount {
        unsafe note(field, slots.rowLayout, slots.rows + row &* slots.rowStride)
      }
    }
  }

  @unsafe
  private mutating func note(
    _ field: EnumSlot, _ layout: SlotMemory.Layout, _ words: UnsafePointer<UInt64>
  ) {
    guard unsafe layout.isPresent(field.slot, in: words) else { return }
    let number = Int32(truncatingIfNeeded: unsafe layout.word(field.slot, in: words))
    if plan.enumerations[field.enumeration].hasName(of: number) { return }
    slots.drift.note(
      DriftTally.Key(
        messageIndex: field.messageIndex, fieldNumber: field.fieldNumber, enumNumber: number),
      wireType: 0, 0..<0)
  }

  /// Whether drift was met since the last report.
  package var hasDrift: Bool { !slots.drift.isEmpty }

  /// The drift that was met since the last report, with the schema's names for it.
  package mutating func takeDrift() -> DriftReport {
    var report = DriftReport()
    report.otherFieldCount = slots.drift.otherFieldCount
    report.otherEnumNumberCount = slots.drift.otherEnumNumberCount
    for entry in slots.drift.entries {
      guard let sample = entry.sample else { continue }
      let type = MessageType(pool: plan.type.pool, index: Int(entry.key.messageIndex))
      report.found.append(
        SchemaDrift(
          key: SchemaDrift.Key(
            messageName: type.name, fieldNumber: entry.key.fieldNumber,
            enumNumber: entry.key.enumNumber),
          fieldName: type.field(numbered: entry.key.fieldNumber)?.name, count: entry.count,
          sample: sample))
    }
    slots.drift.removeAll()
    return report
  }
}
