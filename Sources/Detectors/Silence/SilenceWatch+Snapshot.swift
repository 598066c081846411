import Base

extension SilenceWatch {
  /// Appends the watch; summaries are numbered anew, in the order in which they opened, so that the
  /// bytes do not depend on which numbers were free.
  func encode(into writer: inout ByteWriter) {
    writer.append(littleEndian: cursor)
    writer.append(littleEndian: minute)
    writer.append(varint: UInt64(individualCount))
    let kept = summaries.indices.filter { summaries[$0] != nil }.sorted { left, right in
      orderKey(left) < orderKey(right)
    }
    writer.append(varint: UInt64(kept.count))
    for number in kept { summaries[number]?.encode(into: &writer) }
    var members: [[UInt32]] = Array(repeating: [], count: summaries.count)
    for (device, number) in summaryOfDevice.enumerated() where number != Self.noSummary {
      members[Int(number)].append(UInt32(device))
    }
    for number in kept { writer.appendCounted(members[number]) }
  }

  private func orderKey(_ number: Int) -> (Int64, Int64) {
    guard let summary = summaries[number], number != gathering else { return (.max, 0) }
    return (summary.openingOffset, summary.minute)
  }

  /// Reads back what `encode` wrote into a watch that knows nothing.
  mutating func decode(
    from reader: inout ByteReader, deviceCount: Int, attributeCount: Int
  ) throws(ByteReaderError) {
    cursor = try reader.read()
    minute = try PartitionDetectors.readTime(from: &reader)
    individualCount = Int(truncatingIfNeeded: try reader.readVarint())
    guard individualCount >= 0, individualCount <= Self.individualCountMax,
      minute == EventTime.none || minute % Self.minuteMicros == 0
    else { throw .malformed(filePosition: reader.filePosition) }
    for number in 0..<(try reader.readCount(elementByteCount: 24)) {
      let summary = try SilenceSummary(from: &reader, attributeCount: attributeCount)
      summaries.append(summary)
      guard summary.phase == .gathering else { continue }
      guard gathering == nil else { throw .malformed(filePosition: reader.filePosition) }
      gathering = number
    }
    for number in summaries.indices {
      let members = try reader.readCounted(UInt32.self)
      for device in members {
        guard Int(device) < deviceCount, summary(ofDevice: device) == nil else {
          throw .malformed(filePosition: reader.filePosition)
        }
        while summaryOfDevice.count <= Int(device) { summaryOfDevice.append(Self.noSummary) }
        summaryOfDevice[Int(device)] = UInt32(number)
      }
      guard members.count == summaries[number]?.silentCount,
        !members.isEmpty || number == gathering
      else { throw .malformed(filePosition: reader.filePosition) }
    }
  }
}

extension SilenceSummary {
  fileprivate func encode(into writer: inout ByteWriter) {
    writer.append(phase.rawValue)
    writer.append(littleEndian: minute)
    writer.append(varint: UInt64(deviceCount))
    writer.append(varint: UInt64(silentCount))
    writer.append(littleEndian: firstDue)
    writer.append(littleEndian: lastDue)
    writer.appendCounted(examples)
    for counts in attributeCounts {
      writer.append(varint: UInt64(counts.count))
      for word in counts.keys.sorted() {
        writer.append(littleEndian: word)
        writer.append(varint: UInt64(counts[word] ?? 0))
      }
    }
    writer.append(littleEndian: id)
    writer.append(littleEndian: openingOffset)
  }

  fileprivate init(
    from reader: inout ByteReader, attributeCount: Int
  ) throws(ByteReaderError) {
    guard let phase = Phase(rawValue: try reader.readByte()) else {
      throw .malformed(filePosition: reader.filePosition)
    }
    let minute = try PartitionDetectors.readTime(from: &reader)
    self.init(minute: minute, attributeCount: phase == .gathering ? attributeCount : 0)
    self.phase = phase
    deviceCount = try Int(reader.readVarint() & 0xFFFF_FFFF)
    silentCount = try Int(reader.readVarint() & 0xFFFF_FFFF)
    firstDue = try PartitionDetectors.readTime(from: &reader)
    lastDue = try PartitionDetectors.readTime(from: &reader)
    examples = try reader.readCounted(UInt32.self)
    for column in attributeCounts.indices {
      for _ in 0..<(try reader.readCount(elementByteCount: 5)) {
        let word = try reader.read(UInt32.self)
        attributeCounts[column][word] = try Int(reader.readVarint() & 0xFFFF_FFFF)
      }
    }
    id = try reader.read()
    openingOffset = try reader.read()
  }
}

extension DefinitionState {
  /// Appends the cap's anomaly, if it is open.
  func encodeCap(into writer: inout ByteWriter) {
    writer.append(cap == nil ? 0 as UInt8 : 1)
    guard let cap else { return }
    writer.append(littleEndian: cap.id)
    writer.append(littleEndian: cap.openingOffset)
    writer.append(littleEndian: cap.eventTime)
    writer.append(littleEndian: cap.refusedCount)
  }

  /// Reads back what `encodeCap` wrote.
  mutating func decodeCap(from reader: inout ByteReader) throws(ByteReaderError) {
    if try reader.readByte() == 0 { return }
    cap = Cap(
      id: try reader.read(), openingOffset: try reader.read(),
      eventTime: try PartitionDetectors.readTime(from: &reader),
      refusedCount: try reader.read(Int64.self) & 0xFFFF_FFFF_FFFF)
  }
}

extension ByteWriter {
  fileprivate mutating func appendCounted(_ values: [UInt32]) {
    append(varint: UInt64(values.count))
    append(memoryOf: values)
  }
}

extension ByteReader {
  fileprivate mutating func readCounted(
    _ type: UInt32.Type
  ) throws(ByteReaderError) -> [UInt32] {
    let count = try readCount(elementByteCount: 4)
    return try readMemory(of: UInt32.self, count: count)
  }
}
