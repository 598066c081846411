internal import CRdkafka

/// A call to Kafka that did not do what was asked, or a fault the client reported by itself.
package struct KafkaError: Error, Sendable, CustomStringConvertible {
  package let code: KafkaErrorCode
  /// What was being done, to what: `seek telemetry[3] to 17`.
  package let operation: String
  /// The library's own words.
  package let detail: String
  /// Whether the same call may succeed later with nothing changed on our side.
  package let isRetriable: Bool
  /// Whether the client is beyond use: it must be closed and opened again.
  package let isFatal: Bool

  package init(
    code: KafkaErrorCode, operation: String, detail: String? = nil, isRetriable: Bool? = nil,
    isFatal: Bool = false
  ) {
    self.code = code
    self.operation = operation
    self.detail = detail ?? code.description
    self.isRetriable = isRetriable ?? (!isFatal && code.isRetriable)
    self.isFatal = isFatal
  }

  /// `cannot seek telemetry[3] to 17: Local: Erroneous state (_STATE)`.
  package var description: String { "cannot \(operation): \(detail) (\(code.name))" }
}

extension KafkaErrorCode: CustomStringConvertible {
  /// The C constant without its prefix: `_TIMED_OUT`, `OFFSET_OUT_OF_RANGE`.
  /// The corresponding C function is `rd_kafka_err2name`.
  package var name: String {
    guard let text = unsafe rd_kafka_err2name(rd_kafka_resp_err_t(rawValue: rawValue)) else {
      return "\(rawValue)"
    }
    return unsafe String(cString: text)
  }

  /// One sentence. The corresponding C function is `rd_kafka_err2str`.
  package var description: String {
    guard let text = unsafe rd_kafka_err2str(rd_kafka_resp_err_t(rawValue: rawValue)) else {
      return "error \(rawValue)"
    }
    return unsafe String(cString: text)
  }

  init(_ raw: rd_kafka_resp_err_t) { self.init(rawValue: raw.rawValue) }
}

/// Throws unless the code says success. Every C call that returns a bare code ends here.
func check(
  _ raw: rd_kafka_resp_err_t, _ operation: @autoclosure () -> String
) throws(KafkaError) {
  let code = KafkaErrorCode(raw)
  if code != .none { throw KafkaError(code: code, operation: operation()) }
}
