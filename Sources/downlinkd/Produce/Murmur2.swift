/// The partition that a record's key decides, as the Java client and librdkafka's
/// `murmur2_random` choose it.
///
/// Source: Apache Kafka, org.apache.kafka.common.utils.Utils.murmur2, which is Austin Appleby's
/// MurmurHash2 (32 bits) with a seed of its own.
enum Murmur2 {
  static func hash(_ key: [UInt8]) -> UInt32 {
    let multiplier: UInt32 = 0x5BD1_E995
    var result = 0x9747_B28C ^ UInt32(truncatingIfNeeded: key.count)
    var position = 0
    while position + 4 <= key.count {
      var word: UInt32 = 0
      for index in 0..<4 { word |= UInt32(key[position + index]) << UInt32(8 * index) }
      word = word &* multiplier
      word = (word ^ word >> 24) &* multiplier
      result = result &* multiplier ^ word
      position += 4
    }
    if position < key.count {
      for index in position..<key.count {
        result ^= UInt32(key[index]) << UInt32(8 * (index - position))
      }
      result = result &* multiplier
    }
    result = (result ^ result >> 13) &* multiplier
    return result ^ result >> 15
  }

  /// The sign bit is dropped first, as in Java.
  static func partition(of key: [UInt8], count: Int) -> Int32 {
    Int32(Int(hash(key) & 0x7FFF_FFFF) % count)
  }
}
