import Base

/// Writes Thrift structs in the compact protocol, as far as Parquet's metadata needs it.
///
/// A field is one byte (difference to the previous field's number << 4 | type) where numbers
/// ascend by at most 15, which they do in parquet.thrift; integers are zigzag varints; a struct
/// ends with a zero byte. Source: thrift-compact-protocol.md of the Apache Thrift documentation.
///
/// **Invariants:** fields of a struct are written in ascending order of their numbers; every
/// `beginStruct` and `beginElement` has its `endStruct`.
struct ThriftCompactWriter {
  /// Type nibbles of the compact protocol.
  enum WireType: UInt8 {
    case booleanTrue = 1
    case booleanFalse = 2
    case int32 = 5
    case int64 = 6
    case binary = 8
    case list = 9
    case structure = 12
  }

  private var output = ByteWriter()
  /// The last field number written, of each open struct, innermost last.
  private var previousFields: [Int] = [0]

  mutating func write(_ field: Int, int32 value: Int32) {
    begin(field, .int32)
    output.append(zigzag: Int64(value))
  }

  mutating func write(_ field: Int, int64 value: Int64) {
    begin(field, .int64)
    output.append(zigzag: value)
  }

  mutating func write(_ field: Int, boolean value: Bool) {
    begin(field, value ? .booleanTrue : .booleanFalse)
  }

  mutating func write(_ field: Int, bytes value: [UInt8]) {
    begin(field, .binary)
    output.append(lengthPrefixed: value)
  }

  mutating func write(_ field: Int, text value: String) {
    begin(field, .binary)
    output.append(lengthPrefixed: value)
  }

  mutating func beginStruct(_ field: Int) {
    begin(field, .structure)
    previousFields.append(0)
  }

  /// A struct without fields: how a union says which of its cases it is.
  mutating func writeEmptyStruct(_ field: Int) {
    beginStruct(field)
    endStruct()
  }

  mutating func endStruct() {
    output.append(UInt8(0))
    previousFields.removeLast()
  }

  mutating func beginList(_ field: Int, of type: WireType, count: Int) {
    begin(field, .list)
    if count < 15 {
      output.append(UInt8(count) << 4 | type.rawValue)
    } else {
      output.append(0xF0 | type.rawValue)
      output.append(varint: UInt64(count))
    }
  }

  mutating func writeElement(int32 value: Int32) { output.append(zigzag: Int64(value)) }

  mutating func writeElement(int64 value: Int64) { output.append(zigzag: value) }

  /// In a list a boolean is a byte of its own, 1 or 2, as Arrow and parquet-java write it.
  mutating func writeElement(boolean value: Bool) {
    output.append((value ? WireType.booleanTrue : .booleanFalse).rawValue)
  }

  mutating func writeElement(bytes value: [UInt8]) { output.append(lengthPrefixed: value) }

  mutating func writeElement(text value: String) { output.append(lengthPrefixed: value) }

  /// Starts a struct that is an element of a list.
  mutating func beginElement() { previousFields.append(0) }

  /// Ends the outermost struct and moves the bytes out.
  consuming func finish() -> [UInt8] {
    endStruct()
    precondition(previousFields.isEmpty, "every struct that was begun has been ended")
    return output.take()
  }

  private mutating func begin(_ field: Int, _ type: WireType) {
    let last = previousFields.count - 1
    let difference = field - previousFields[last]
    precondition((1...15).contains(difference), "fields ascend by at most fifteen")
    output.append(UInt8(difference) << 4 | type.rawValue)
    previousFields[last] = field
  }
}
