/// What a sample says about the values of a chunk.
struct ValueSample {
  /// Distinct values of the whole chunk, estimated; `Int.max` when no two sampled were equal.
  let distinctCount: Int
  /// Share of sampled values that equal the one before them in the chunk.
  let repeatedShare: Double

  /// Values looked at. Enough to see some 60 repetitions where a chunk has as many distinct
  /// values as a full dictionary of doubles holds (4096² / 2 / 131,072).
  static let valueCountMax = 4096

  /// Takes evenly spread values, shifted by a hash so that no period of the rows is met.
  ///
  /// From d repetitions among m values drawn from D equally likely ones, D ≈ m² / 2d (birthday
  /// problem) while d is small; where half or more repeat, the distinct ones seen are most of
  /// those there are, and D is taken as twice that. Cost: about 20 µs a chunk.
  init<Value: FixedWidthValue>(_ values: Span<Value>, table: inout ValueTable) {
    let sampleCount = min(values.count, Self.valueCountMax)
    let step = values.count / max(sampleCount, 1)
    var sampled: [Int64] = []
    sampled.reserveCapacity(sampleCount)
    var repeatedCount = 0
    for index in 0..<sampleCount {
      let shift = Int(truncatingIfNeeded: UInt32(truncatingIfNeeded: index) &* 2_654_435_761)
      let position = index * step + shift % step
      let value = values[position]
      sampled.append(Int64(bitPattern: value.bits))
      if position > 0 && values[position - 1].bits == value.bits { repeatedCount += 1 }
    }
    table.reset(expecting: sampleCount)
    var unused: [UInt32] = []
    table.number(sampled.span, entryCountMax: sampleCount, into: &unused)
    distinctCount = Self.estimate(
      distinctSeen: table.entries.count, sampleCount: sampleCount, valueCount: values.count)
    repeatedShare = sampleCount == 0 ? 0 : Double(repeatedCount) / Double(sampleCount)
  }

  static func estimate(distinctSeen: Int, sampleCount: Int, valueCount: Int) -> Int {
    if sampleCount == valueCount { return distinctSeen }
    let repetitions = sampleCount - distinctSeen
    if repetitions == 0 { return Int.max }
    if repetitions * 2 >= sampleCount { return min(valueCount, distinctSeen * 2) }
    return min(valueCount, sampleCount * sampleCount / (2 * repetitions))
  }

  /// Bytes a value would take on average in dictionary encoding, entries included. Where most
  /// values repeat the one before, indexes are runs rather than packed.
  ///
  /// - Parameter distinctCount: how many entries there are, where that is known already.
  func dictionaryBytesPerValue(
    distinctCount known: Int? = nil, valueCount: Int, entryByteCount: Int
  ) -> Double {
    let entryCount = max(known ?? distinctCount, 1)
    let entryBytes = Double(entryCount) * Double(entryByteCount) / Double(max(valueCount, 1))
    let width = Double(BitPacking.width(of: UInt64(entryCount - 1)))
    let packedShare = min(1, (1 - repeatedShare) * Double(RunLengthEncoding.repeatedCountMin))
    return entryBytes + width / 8 * packedShare
  }
}

/// Which encoding a chunk of fixed-width values gets, decided on a sample before any is encoded.
struct EncodingChoice {
  /// Whether to try a dictionary, and how many entries to expect.
  let expectedEntryCount: Int?
  /// For values outside the dictionary.
  let fallback: Encoding
  private let sample: ValueSample
  /// More bytes a value than this, and a dictionary does not pay.
  private let dictionaryBytesMax: Double

  /// A codec takes some 15–65 % off plain doubles and little off packed indexes, so a dictionary
  /// has to be this much smaller than plain before it is worth building. Where that is was measured
  /// on measurements of turbines, inverters, servers and a spacecraft (docs/PERFORMANCE.md).
  static let dictionaryShareMax = 0.5
  /// Likewise against delta packing, which costs less to write than a dictionary.
  static let dictionaryShareOfDeltaMax = 0.75
  /// Delta packing that saves less than this is not worth decoding.
  static let deltaShareMax = 0.95

  /// Floats and doubles.
  init<Value: FixedWidthValue>(
    floatingPoint values: Span<Value>, options: ParquetWriterOptions, table: inout ValueTable
  ) {
    let byteCount = MemoryLayout<Value>.size
    sample = ValueSample(values, table: &table)
    dictionaryBytesMax = Self.dictionaryShareMax * Double(byteCount)
    let fits = sample.distinctCount <= options.dictionaryByteCountMax / byteCount
    let bytes = sample.dictionaryBytesPerValue(valueCount: values.count, entryByteCount: byteCount)
    let pays = bytes <= dictionaryBytesMax
    expectedEntryCount = fits && pays ? sample.distinctCount : nil
    fallback = options.splitsFloatingPointBytes ? .byteStreamSplit : .plain
  }

  /// Integers, dates and times.
  init<Value: FixedWidthValue & FixedWidthInteger & SignedInteger>(
    integers values: Span<Value>, options: ParquetWriterOptions, table: inout ValueTable
  ) where Value.Magnitude: BitwiseCopyable {
    let byteCount = MemoryLayout<Value>.size
    sample = ValueSample(values, table: &table)
    let deltaBytes = Self.deltaBytesPerValue(values)
    let dictionaryBytes =
      sample.dictionaryBytesPerValue(valueCount: values.count, entryByteCount: byteCount)
    let usesDelta = deltaBytes <= Self.deltaShareMax * Double(byteCount)
    dictionaryBytesMax = min(
      Self.dictionaryShareMax * Double(byteCount), Self.dictionaryShareOfDeltaMax * deltaBytes)
    let fits = sample.distinctCount <= options.dictionaryByteCountMax / byteCount
    expectedEntryCount = fits && dictionaryBytes <= dictionaryBytesMax ? sample.distinctCount : nil
    // A chunk without values is PLAIN: nothing, rather than a header that counts nothing.
    fallback = usesDelta && values.count > 0 ? .deltaBinaryPacked : .plain
  }

  /// Whether a dictionary that has been built pays. A sample is wrong where every other value is
  /// the same and the rest are all different: an inverter at night and by day.
  func pays(entryCount: Int, valueCount: Int, entryByteCount: Int) -> Bool {
    let bytes = sample.dictionaryBytesPerValue(
      distinctCount: entryCount, valueCount: valueCount, entryByteCount: entryByteCount)
    return bytes <= dictionaryBytesMax
  }

  /// Sampled stretches: whole blocks, evenly spread.
  private static let deltaStretchCount = 32

  private static func deltaBytesPerValue<Value: FixedWidthInteger & SignedInteger>(
    _ values: Span<Value>
  ) -> Double where Value.Magnitude: BitwiseCopyable {
    let length = DeltaBinaryPacking.blockValueCount + 1
    if values.count <= length * deltaStretchCount {
      return Double(DeltaBinaryPacking.byteCount(of: values)) / Double(max(values.count, 1))
    }
    var byteCount = 0
    let step = (values.count - length) / (deltaStretchCount - 1)
    for stretch in 0..<deltaStretchCount {
      let range = stretch * step..<stretch * step + length
      byteCount += DeltaBinaryPacking.byteCount(of: values.extracting(range))
    }
    return Double(byteCount) / Double(deltaStretchCount * DeltaBinaryPacking.blockValueCount)
  }
}
