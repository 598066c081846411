internal import CRdkafka

/// Owns a configuration object until a client takes it.
///
/// **Invariants:** destroyed exactly once, by `deinit` or by the client that took it over:
/// `rd_kafka_new` frees it *only on success*, so its failure leaves it here.
@safe
struct ConfHandle: ~Copyable {
  private let raw: OpaquePointer

  init() { unsafe raw = rd_kafka_conf_new() }

  deinit { unsafe rd_kafka_conf_destroy(raw) }

  /// Sets a property; the library's sentence on what is wrong with it, or nil.
  func set(_ name: String, _ value: String) -> String? {
    var message = ErrorText()
    let result = unsafe message.withBuffer { buffer in
      unsafe rd_kafka_conf_set(raw, name, value, buffer.baseAddress, buffer.count)
    }
    return result == RD_KAFKA_CONF_OK ? nil : message.text
  }

  /// The library hands out the events of these kinds through queues instead of callbacks.
  func enableEvents(_ kinds: Int32) { unsafe rd_kafka_conf_set_events(raw, kinds) }

  /// Routes log lines to the sink, which must outlive the client (`ClientHandle` sees to it).
  func setLog(_ sink: LogSink) {
    unsafe rd_kafka_conf_set_opaque(raw, Unmanaged.passUnretained(sink).toOpaque())
    unsafe rd_kafka_conf_set_log_cb(raw) { client, level, facility, text in
      // Called on whichever thread logs, the library's own included.
      guard let client = unsafe client, let opaque = unsafe rd_kafka_opaque(client) else { return }
      let sink = unsafe Unmanaged<LogSink>.fromOpaque(opaque).takeUnretainedValue()
      sink.write(
        Int(level), unsafe facility.map { unsafe String(cString: $0) } ?? "",
        unsafe text.map { unsafe String(cString: $0) } ?? "")
    }
  }

  /// Starts a client, which takes the object over.
  @unsafe
  consuming func makeClient(_ type: rd_kafka_type_t) throws(KafkaError) -> OpaquePointer {
    var message = ErrorText()
    let conf = unsafe raw
    let client = unsafe message.withBuffer { buffer in
      unsafe rd_kafka_new(type, conf, buffer.baseAddress, buffer.count)
    }
    guard let client = unsafe client else {
      let code = KafkaErrorCode(rd_kafka_last_error())
      _ = consume self
      throw KafkaError(code: code, operation: "start a Kafka client", detail: message.text)
    }
    discard self
    return unsafe client
  }
}

/// The place where a C call writes what went wrong.
struct ErrorText {
  private var bytes = [CChar](repeating: 0, count: 512)

  mutating func withBuffer<Result>(
    _ body: (UnsafeMutableBufferPointer<CChar>) -> Result
  ) -> Result {
    unsafe bytes.withUnsafeMutableBufferPointer { unsafe body($0) }
  }

  var text: String {
    String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
