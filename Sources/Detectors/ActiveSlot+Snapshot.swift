import Base

extension ReadingRun {
  fileprivate func encode(into writer: inout ByteWriter) {
    writer.append(littleEndian: count)
    writer.append(littleEndian: since)
  }

  fileprivate init(from reader: inout ByteReader) throws(ByteReaderError) {
    count = try reader.read()
    since = try PartitionDetectors.readTime(from: &reader)
  }
}

extension LastStep {
  // NaN stands for what is not there.
  fileprivate func encode(into writer: inout ByteWriter) {
    writer.append(littleEndian: openedAt)
    writer.append(value ?? .nan)
    writer.append(expected ?? .nan)
  }

  fileprivate init(from reader: inout ByteReader) throws(ByteReaderError) {
    openedAt = try PartitionDetectors.readTime(from: &reader)
    value = try reader.readDouble().ifFinite
    expected = try reader.readDouble().ifFinite
  }
}

extension ActiveSlot {
  func encode(into writer: inout ByteWriter) {
    writer.append(littleEndian: key.metric)
    writer.append(littleEndian: key.definition)
    writer.append(severity?.rawValue ?? 0)
    writer.append(littleEndian: id)
    writer.append(littleEndian: openingOffset)
    writer.append(littleEndian: since)
    for run in [violating, critical, clear] { run.encode(into: &writer) }
    writer.append(worst)
    writer.append(littleEndian: violationCount)
    told.encode(into: &writer)
  }

  /// - Parameter isTold: whether the state says what rows said last; older programs' do not.
  init(from reader: inout ByteReader, isTold: Bool) throws(ByteReaderError) {
    self.init(key: Key(metric: try reader.read(), definition: try reader.read()))
    let severity = try reader.readByte()
    self.severity = AnomalyEvent.Severity(rawValue: severity)
    guard severity == 0 || self.severity != nil else {
      throw .malformed(filePosition: reader.filePosition)
    }
    id = try reader.read()
    openingOffset = try reader.read()
    since = try PartitionDetectors.readTime(from: &reader)
    violating = try ReadingRun(from: &reader)
    critical = try ReadingRun(from: &reader)
    clear = try ReadingRun(from: &reader)
    worst = try reader.readDouble()
    violationCount = try reader.read()
    if isTold { told = try LastStep(from: &reader) }
  }
}
