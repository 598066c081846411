internal import CRdkafka

/// The client as its holders share it: the consumer and each of its lanes' queues. It dies with
/// the last of them, after their queues and messages.
@safe
final class SharedClient: Sendable {
  let handle: ClientHandle
  private let waker: FetchWaker?

  init(_ handle: consuming ClientHandle, waker: FetchWaker?) {
    self.handle = handle
    self.waker = waker
  }

  @unsafe var raw: OpaquePointer { unsafe handle.raw }

  /// Lets sleeping broker threads look at their queues again; any thread.
  func wakeFetchers() { waker?.wake(handle) }
}

/// Wakes the broker threads of librdkafka before 2.2.0.
///
/// Such a thread stops fetching for a partition whose queue holds `queued.min.messages` or
/// `queued.max.messages.kbytes`, and looks again only when it wakes: on traffic, on an operation,
/// or after `rd_kafka_max_block_ms` = 1 s (`rdkafka_broker.c`, `rd_kafka_broker_consumer_serve`).
/// Draining the queue is none of these, so with small limits a fast consumer sleeps most of each
/// second. 2.2.0 brought `fetch.queue.backoff.ms` for it (its issue 2879).
///
/// One public call wakes every broker thread, sends nothing and waits for nothing:
/// `rd_kafka_sasl_set_credentials` ("will be used the next time this client needs to authenticate
/// to a broker"), which ends in `rd_kafka_all_brokers_wakeup`. Setting the credentials that are
/// set already changes nothing else. Not so with Kerberos, whose library takes a user name where
/// none was configured: no waking there, and the limits should be high.
///
/// Cost: two short string copies and one queue operation a broker, about a microsecond each.
struct FetchWaker: Sendable {
  private let username: String
  private let password: String

  /// Nil where waking is not needed or not possible.
  init?(properties: [(String, String)]) {
    if LibraryVersion.hasFetchQueueBackoff { return nil }
    let values = Dictionary(properties) { _, last in last }
    let mechanism = values["sasl.mechanisms"] ?? values["sasl.mechanism"] ?? "GSSAPI"
    let usesSASL = values["security.protocol"]?.lowercased().hasPrefix("sasl") ?? false
    if usesSASL && mechanism == "GSSAPI" { return nil }
    username = values["sasl.username"] ?? ""
    password = values["sasl.password"] ?? ""
  }

  func wake(_ client: borrowing ClientHandle) {
    // It fails only for null strings; the object, if any, is destroyed here.
    _ = unsafe ErrorHandle(
      adopting: rd_kafka_sasl_set_credentials(client.raw, username, password))
  }
}
