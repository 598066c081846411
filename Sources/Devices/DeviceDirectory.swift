package import Base
package import Telemetry

/// What a partition knows of each of its devices, besides windows and detectors: when it was first
/// heard, how much came of it, what its clock is like, its attributes and since when.
///
/// It comes behind the windows, which flag the readings whose time cannot be trusted and say how
/// many of each record were late. Devices are the dense indexes of the partition's vocabulary. A
/// device that windows and detectors forget after a long silence keeps its entry: the directory is
/// as large as the vocabulary, which `limits.devices` bounds.
///
/// **Invariants:** a function of the record sequence: how it is cut into batches, and snapshots in
/// between, change nothing (docs/ARCHITECTURE.md, invariant I9). No time is read but the records'.
///
/// Cost: one entry and one attribute cell each a record, nothing hashed, nothing allocated but for
/// new devices; the entry is one block, so that a device costs a cache miss or two and not one a
/// column. Copying shares the memory until one of both changes.
package struct DeviceDirectory: Equatable, Sendable {
  /// By device.
  private var entries: [DeviceEntry] = []
  /// `attributeCount` a device.
  private var attributes: [DeviceAttribute] = []
  private var attributeCount: Int
  /// Keeps the loads of `touchAhead` from being optimised away; means nothing.
  private var touched: Int64 = 0

  /// Knows no device.
  package init(attributeCount: Int) { self.attributeCount = attributeCount }

  /// The directory of a state that was saved without one: devices are known, and the words they
  /// have; counts begin now, and when they were first heard nobody knows.
  ///
  /// - Parameter attributeWords: last known words, `attributeCount` a device.
  package init(attributeCount: Int, deviceCount: Int, attributeWords: [UInt32]) {
    precondition(
      attributeWords.count == deviceCount * attributeCount, "one word a device and attribute")
    self.init(attributeCount: attributeCount)
    grow(to: deviceCount)
    for device in 0..<deviceCount { entries[device].firstSeen = DeviceEntry.none }
    for (place, word) in attributeWords.enumerated() { attributes[place].word = word }
  }

  /// Devices there is room for: those of the vocabulary when it was last applied.
  package var deviceCount: Int { entries.count }

  package subscript(device: Int) -> DeviceEntry { entries[device] }

  /// An attribute of a device, by its place in the schema.
  package func attribute(_ column: Int, ofDevice device: Int) -> DeviceAttribute {
    attributes[device * attributeCount + column]
  }

  /// Takes other attributes from here on: devices keep what is known of those that were there and
  /// are, and nothing is known of new ones.
  ///
  /// - Parameter origins: for each attribute its place before; nil of a new one.
  package mutating func takeAttributes(_ origins: [Int?]) {
    let (known, width) = (attributes, attributeCount)
    attributes = []
    attributes.reserveCapacity(entries.count * origins.count)
    for device in entries.indices {
      for origin in origins {
        attributes.append(origin.map { known[device * width + $0] } ?? DeviceAttribute())
      }
    }
    attributeCount = origins.count
  }

  /// Bytes it holds.
  package var byteCount: Int {
    entries.count * MemoryLayout<DeviceEntry>.stride
      + attributes.count * MemoryLayout<DeviceAttribute>.stride
  }

  /// Whether they say the same of every device; capacity does not count.
  package static func == (left: DeviceDirectory, right: DeviceDirectory) -> Bool {
    left.attributeCount == right.attributeCount && left.entries == right.entries
      && left.attributes == right.attributes
  }

  private mutating func grow(to deviceCount: Int) {
    if entries.count >= deviceCount { return }
    let count = deviceCount - entries.count
    entries.append(contentsOf: repeatElement(DeviceEntry(), count: count))
    attributes.append(
      contentsOf: repeatElement(DeviceAttribute(), count: count * attributeCount))
  }

  // MARK: - Records

  /// Takes records of a batch that windows have seen, in offset order behind those taken before.
  ///
  /// - Parameter deviceCount: devices of the vocabulary that the batch was decoded with.
  package mutating func apply(
    _ batch: borrowing ReadingBatch, records: Range<Int>, deviceCount: Int
  ) {
    precondition(
      batch.recordLateCounts.count >= records.upperBound, "the directory comes behind the windows")
    precondition(
      batch.schema.attributes.count == attributeCount, "a directory is of one source's attributes")
    grow(to: deviceCount)
    var start = records.lowerBound
    while start < records.upperBound {
      let run = start..<min(start + Self.recordsAhead, records.upperBound)
      touched = touchAhead(batch, run, entries.span)
      var entries = self.entries.mutableSpan
      takeRecords(batch, run, into: &entries)
      start = run.upperBound
    }
    let width = attributeCount
    if width == 0 { return }
    var attributes = self.attributes.mutableSpan
    keepAttributes(batch, records, width: width, in: &attributes)
  }

  /// Records whose entries are fetched together; see `PartitionWindows.touchAhead`.
  private static let recordsAhead = 32
}

// MARK: - Hot loops

/// Reads a word of every entry that the coming records will change, so that the misses overlap.
private func touchAhead(
  _ batch: borrowing ReadingBatch, _ records: Range<Int>, _ entries: Span<DeviceEntry>
) -> Int64 {
  let devices = batch.recordDevices.span
  var sum: Int64 = 0
  for record in records {
    let device = Int(devices[record])
    if device < entries.count { sum &+= entries[device].readingCount }
  }
  return sum
}

/// Counts and times of a run of records.
private func takeRecords(
  _ batch: borrowing ReadingBatch, _ records: Range<Int>,
  into entries: inout MutableSpan<DeviceEntry>
) {
  let devices = batch.recordDevices.span
  let outcomes = batch.recordOutcomes.span
  let offsets = batch.recordOffsets.span
  let timestamps = batch.recordTimestamps.span
  let lateCounts = batch.recordLateCounts.span
  let rowStarts = batch.recordRowStarts.span
  let times = batch.rowEventTimes.span
  let flags = batch.rowFlags.span
  for record in records {
    let outcome = outcomes[record]
    guard devices[record] != WordTable.none, outcome == .read || outcome == .empty else { continue }
    let timestamp = timestamps[record]
    let rows = rowStarts[record]..<rowStarts[record &+ 1]
    // In place: an entry that is copied out and back waits for its own stores. Its bounds are
    // checked once.
    let device = Int(devices[record])
    precondition(device < entries.count, "there is an entry for every device")
    unsafe entries[unchecked: device].recordCount &+= 1
    unsafe entries[unchecked: device].readingCount &+= Int64(rows.count)
    unsafe entries[unchecked: device].lateCount &+= Int64(lateCounts[record])
    unsafe entries[unchecked: device].lastOffset = offsets[record]
    var earliest = unsafe entries[unchecked: device].firstSeen
    for row in rows {
      if flags[row] & ReadingFlags.implausibleTime.rawValue == 0 {
        earliest = min(earliest, times[row])
      } else if flags[row] & ReadingFlags.beforePlausible.rawValue != 0 {
        unsafe entries[unchecked: device].beforePlausibleCount &+= 1
      } else {
        unsafe entries[unchecked: device].futureCount &+= 1
      }
    }
    unsafe entries[unchecked: device].firstSeen = earliest
    if timestamp == ReadingBatch.absentTimestamp { continue }
    unsafe entries[unchecked: device].lastKafkaTimestamp = timestamp
    var last = unsafe entries[unchecked: device].lastSkew
    var largest = unsafe entries[unchecked: device].largestSkew
    for row in rows {
      last = difference(times[row], timestamp)
      largest = max(largest, last)
    }
    unsafe entries[unchecked: device].lastSkew = last
    unsafe entries[unchecked: device].largestSkew = largest
  }
}

/// Takes the words of records that are not known yet, or not since when.
private func keepAttributes(
  _ batch: borrowing ReadingBatch, _ records: Range<Int>, width: Int,
  in attributes: inout MutableSpan<DeviceAttribute>
) {
  let devices = batch.recordDevices.span
  let words = batch.recordAttributes.span
  for record in records where devices[record] != WordTable.none {
    let first = Int(devices[record]) &* width
    for column in 0..<width {
      let word = words[record &* width &+ column]
      if word == WordTable.none { continue }
      let known = attributes[first &+ column]
      if word == known.word, known.since != DeviceEntry.none { continue }
      guard batch.recordOutcomes[record] == .read || batch.recordOutcomes[record] == .empty
      else { continue }
      attributes[first &+ column].word = word
      attributes[first &+ column].since = earliestTime(batch, record)
    }
  }
}

/// The earliest trusted event time of a record; `DeviceEntry.none` where it has none.
private func earliestTime(_ batch: borrowing ReadingBatch, _ record: Int) -> Int64 {
  var earliest = DeviceEntry.noneYet
  for row in batch.rows(ofRecord: record)
  where batch.rowFlags[row] & ReadingFlags.implausibleTime.rawValue == 0 {
    earliest = min(earliest, batch.rowEventTimes[row])
  }
  return earliest == DeviceEntry.noneYet ? DeviceEntry.none : earliest
}

/// `left − right`, at most what 64 bits hold, and never `DeviceEntry.none`.
@inline(__always)
private func difference(_ left: Int64, _ right: Int64) -> Int64 {
  let (difference, overflow) = left.subtractingReportingOverflow(right)
  if overflow { return left < 0 ? -Int64.max : Int64.max }
  return max(difference, -Int64.max)
}

// MARK: - State snapshot

// As bytes: the format, how many devices, the entries and the attributes as they lie in memory.
extension DeviceDirectory {
  /// "DEV1".
  private static let format: UInt32 = 0x3156_4544

  /// Appends all of it. Cost: that of copying its memory.
  package func encode(into writer: inout ByteWriter) {
    writer.append(littleEndian: Self.format)
    writer.append(varint: UInt64(entries.count))
    writer.append(memoryOf: entries)
    writer.append(memoryOf: attributes)
  }

  /// Reads it back. The caller has checked the checksum of the bytes: what is looked at here is
  /// shape, so that no bytes lead to a wild access.
  package init(
    from reader: inout ByteReader, attributeCount: Int
  ) throws(ByteReaderError) {
    self.init(attributeCount: attributeCount)
    guard try reader.read(UInt32.self) == Self.format else {
      throw .malformed(filePosition: reader.filePosition)
    }
    let count = try reader.readCount(elementByteCount: MemoryLayout<DeviceEntry>.stride)
    entries = try reader.readMemory(of: DeviceEntry.self, count: count)
    attributes = try reader.readMemory(of: DeviceAttribute.self, count: count * attributeCount)
    let counts = entries.map {
      min(
        $0.recordCount, $0.readingCount, $0.lateCount, $0.futureCount, $0.beforePlausibleCount)
    }
    guard counts.allSatisfy({ $0 >= 0 }) else {
      throw .malformed(filePosition: reader.filePosition)
    }
  }

  /// Whether every index in it stands for a word of `vocabulary`.
  package func fits(_ vocabulary: borrowing Vocabulary) -> Bool {
    guard entries.count <= vocabulary.devices.count else { return false }
    for (place, attribute) in attributes.enumerated() where attribute.word != WordTable.none {
      let words = vocabulary.attributes[place % attributeCount]
      if attribute.word >= UInt32(words.count) { return false }
    }
    return true
  }
}
