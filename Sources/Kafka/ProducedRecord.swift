internal import CRdkafka

/// One record on its way into the library: the arguments of `rd_kafka_produceva`.
@safe
struct ProducedRecord {
  private let topic: OpaquePointer
  private let partition: Int32?
  private let key: [UInt8]?
  private let value: [UInt8]?
  private let timestampMillis: Int64?
  private let headers: [(String, [UInt8]?)]

  /// `topic` must live until the last `send`.
  init(
    topic: OpaquePointer, partition: Int32?, key: [UInt8]?, value: [UInt8]?,
    timestampMillis: Int64?, headers: [(String, [UInt8]?)]
  ) {
    unsafe self.topic = unsafe topic
    self.partition = partition
    self.key = key
    self.value = value
    self.timestampMillis = timestampMillis
    self.headers = headers
  }

  /// Hands the record over, copied; the fault, or nil.
  @unsafe
  func send(_ client: OpaquePointer, topicName: String) -> KafkaError? {
    let operation = "produce to topic \(topicName)"
    if headers.isEmpty {
      return unsafe ErrorHandle(adopting: call(client, headers: nil))?.converted(operation)
    }
    let list = HeaderListHandle(headers)
    let error = unsafe ErrorHandle(adopting: call(client, headers: list.raw))?.converted(operation)
    // The library takes the headers over when it takes the record, and only then.
    if error == nil { list.release() }
    return error
  }

  @unsafe
  private func call(_ client: OpaquePointer, headers: OpaquePointer?) -> OpaquePointer? {
    unsafe withBytes(key) { key in
      unsafe withBytes(value) { value in
        unsafe withUnsafeTemporaryAllocation(of: rd_kafka_vu_t.self, capacity: 7) { arguments in
          var count = 0
          func add(_ type: rd_kafka_vtype_t, _ set: (inout rd_kafka_vu_t) -> Void) {
            var argument = unsafe rd_kafka_vu_t()
            unsafe argument.vtype = type
            unsafe set(&argument)
            unsafe arguments.initializeElement(at: count, to: argument)
            count += 1
          }
          unsafe add(RD_KAFKA_VTYPE_RKT) { unsafe $0.u.rkt = topic }
          unsafe add(RD_KAFKA_VTYPE_PARTITION) { unsafe $0.u.i32 = partition ?? -1 }
          unsafe add(RD_KAFKA_VTYPE_MSGFLAGS) { unsafe $0.u.i = RD_KAFKA_MSG_F_COPY }
          unsafe add(RD_KAFKA_VTYPE_KEY) { unsafe $0.u.mem = .init(ptr: key.base, size: key.count) }
          unsafe add(RD_KAFKA_VTYPE_VALUE) {
            unsafe $0.u.mem = .init(ptr: value.base, size: value.count)
          }
          if let timestampMillis {
            unsafe add(RD_KAFKA_VTYPE_TIMESTAMP) { unsafe $0.u.i64 = timestampMillis }
          }
          if let headers = unsafe headers {
            unsafe add(RD_KAFKA_VTYPE_HEADERS) { unsafe $0.u.headers = headers }
          }
          return unsafe rd_kafka_produceva(client, arguments.baseAddress, count)
        }
      }
    }
  }
}
