/// Small decoders written from the specification, independent of the encoders under test. They
/// trap on damaged input: a test must then fail.
struct BitReader {
  let bytes: [UInt8]
  var bitPosition = 0

  mutating func read(width: Int) -> UInt64 {
    var value: UInt64 = 0
    for bit in 0..<width {
      let byte = bytes[(bitPosition + bit) / 8]
      if byte >> UInt8((bitPosition + bit) % 8) & 1 == 1 { value |= 1 << UInt64(bit) }
    }
    bitPosition += width
    return value
  }
}

struct ByteCursor {
  let bytes: [UInt8]
  var position = 0

  var isAtEnd: Bool { position == bytes.count }

  mutating func byte() -> UInt8 {
    defer { position += 1 }
    return bytes[position]
  }

  mutating func varint() -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let next = byte()
      value |= UInt64(next & 0x7F) << shift
      if next < 0x80 { return value }
      shift += 7
    }
  }

  mutating func zigzag() -> Int64 {
    let raw = varint()
    return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
  }

  mutating func bytes(_ count: Int) -> [UInt8] {
    defer { position += count }
    return Array(bytes[position..<position + count])
  }
}

/// Decodes the RLE / bit-packing hybrid to its end, which may be up to seven zeros too many.
func decodeRuns(_ bytes: [UInt8], width: Int) -> [UInt32] {
  var cursor = ByteCursor(bytes: bytes)
  var values: [UInt32] = []
  while !cursor.isAtEnd {
    let header = Int(cursor.varint())
    if header & 1 == 1 {
      let groupCount = header >> 1
      var bits = BitReader(bytes: cursor.bytes(groupCount * width))
      for _ in 0..<groupCount * 8 { values.append(UInt32(bits.read(width: width))) }
    } else {
      let raw = cursor.bytes((width + 7) / 8)
      var value: UInt32 = 0
      for (index, byte) in raw.enumerated() { value |= UInt32(byte) << UInt32(index * 8) }
      values += Array(repeating: value, count: header >> 1)
    }
  }
  return values
}

/// Decodes DELTA_BINARY_PACKED of either integer width; `wrap` brings a sum back into the width.
func decodeDelta(_ bytes: [UInt8], wrap: (Int64) -> Int64) -> [Int64] {
  var cursor = ByteCursor(bytes: bytes)
  let blockValueCount = Int(cursor.varint())
  let miniblockCount = Int(cursor.varint())
  let count = Int(cursor.varint())
  var value = cursor.zigzag()
  if count == 0 { return [] }
  var values = [value]
  while values.count < count {
    let minDelta = cursor.zigzag()
    let widths = cursor.bytes(miniblockCount)
    for width in widths where values.count < count {
      let perMiniblock = blockValueCount / miniblockCount
      var bits = BitReader(bytes: cursor.bytes(perMiniblock * Int(width) / 8))
      for _ in 0..<perMiniblock {
        let relative = Int64(bitPattern: bits.read(width: Int(width)))
        if values.count == count { continue }
        value = wrap(value &+ minDelta &+ relative)
        values.append(value)
      }
    }
  }
  precondition(cursor.isAtEnd, "bytes are left over")
  return values
}
