internal import Base
internal import CRdkafka
internal import Telemetry

/// A record's Kafka headers: one by its name, or all of them as JSON text.
enum RecordHeaders {
  /// Appends the value of the last header of a name. Cost: the library parses a record's headers
  /// when they are first asked for, and keeps them.
  @unsafe
  static func value(
    of name: HeaderName, in message: UnsafePointer<rd_kafka_message_t>,
    into values: inout HeaderValues
  ) {
    var headers: OpaquePointer?
    var value: UnsafeRawPointer?
    var byteCount = 0
    guard
      unsafe rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR,
      let headers = unsafe headers,
      unsafe rd_kafka_header_get_last(headers, name.cString, &value, &byteCount)
        == RD_KAFKA_RESP_ERR_NO_ERROR,
      let value = unsafe value
    else { return values.appendAbsent() }
    unsafe values.append(UnsafeRawBufferPointer(start: value, count: byteCount))
  }

  /// All headers, in their order.
  @unsafe
  static func all(of message: UnsafePointer<rd_kafka_message_t>) -> [RecordHeaderField] {
    var headers: OpaquePointer?
    let code = unsafe rd_kafka_message_headers(message, &headers)
    guard KafkaErrorCode(code) == .none, let headers = unsafe headers else { return [] }
    var fields: [RecordHeaderField] = []
    var name: UnsafePointer<CChar>?
    var value: UnsafeRawPointer?
    var byteCount = 0
    while unsafe rd_kafka_header_get_all(headers, fields.count, &name, &value, &byteCount)
      == RD_KAFKA_RESP_ERR_NO_ERROR
    {
      let bytes = unsafe value.map {
        unsafe [UInt8](UnsafeRawBufferPointer(start: $0, count: byteCount))
      }
      fields.append(
        RecordHeaderField(name: unsafe name.map { unsafe String(cString: $0) } ?? "", value: bytes))
    }
    return fields
  }

  /// `[{"key":"trace","value":"AQI="}]`, value in base64 or null; nil for a record without headers.
  @unsafe
  static func json(of message: UnsafePointer<rd_kafka_message_t>) -> String? {
    var headers: OpaquePointer?
    let code = unsafe rd_kafka_message_headers(message, &headers)
    guard KafkaErrorCode(code) == .none, let headers = unsafe headers else { return nil }
    var elements: [JSONValue] = []
    var name: UnsafePointer<CChar>?
    var value: UnsafeRawPointer?
    var byteCount = 0
    while unsafe rd_kafka_header_get_all(headers, elements.count, &name, &value, &byteCount)
      == RD_KAFKA_RESP_ERR_NO_ERROR
    {
      let key = unsafe name.map { unsafe String(cString: $0) } ?? ""
      let text = unsafe value.map {
        unsafe Base64.text(UnsafeRawBufferPointer(start: $0, count: byteCount))
      }
      elements.append(["key": .string(key), "value": .optional(text)])
    }
    return elements.isEmpty ? nil : JSONValue.array(elements).text
  }
}

/// Base64 as RFC 4648 section 4 has it, padded.
enum Base64 {
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  static func text(_ bytes: some RandomAccessCollection<UInt8>) -> String {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    var group: UInt32 = 0
    var groupCount = 0
    for byte in bytes {
      group = group << 8 | UInt32(byte)
      groupCount += 1
      if groupCount == 3 {
        append(group, digitCount: 4, to: &text)
        group = 0
        groupCount = 0
      }
    }
    if groupCount > 0 {
      // One byte left makes two digits, two make three; zero bits fill up, then padding.
      append(group << UInt32(8 * (3 - groupCount)), digitCount: groupCount + 1, to: &text)
      text.append(contentsOf: repeatElement(UInt8(ascii: "="), count: 3 - groupCount))
    }
    return String(decoding: text, as: UTF8.self)
  }

  private static func append(_ group: UInt32, digitCount: Int, to text: inout [UInt8]) {
    for digit in 0..<digitCount {
      text.append(alphabet[Int(group >> UInt32(18 - 6 * digit) & 0x3F)])
    }
  }
}
