internal import CRdkafka

/// Owns an error object that a C call returned; destroyed exactly once, read or not.
@safe
struct ErrorHandle: ~Copyable {
  private let raw: OpaquePointer

  /// Nil for nil: C calls of this kind return no object on success.
  init?(adopting raw: OpaquePointer?) {
    guard let raw = unsafe raw else { return nil }
    unsafe self.raw = raw
  }

  deinit { unsafe rd_kafka_error_destroy(raw) }

  func converted(_ operation: String) -> KafkaError {
    KafkaError(
      code: KafkaErrorCode(unsafe rd_kafka_error_code(raw)),
      operation: operation,
      detail: unsafe String(cString: rd_kafka_error_string(raw)),
      isRetriable: unsafe rd_kafka_error_is_retriable(raw) != 0 ? true : nil,
      isFatal: unsafe rd_kafka_error_is_fatal(raw) != 0)
  }
}

/// Throws if the C call returned an error object, which is consumed here.
@unsafe
func check(
  consuming raw: OpaquePointer?, _ operation: @autoclosure () -> String
) throws(KafkaError) {
  if let error = unsafe ErrorHandle(adopting: raw) { throw error.converted(operation()) }
}
