/// Where librdkafka's log lines go: never to standard error by itself.
///
/// `level` is syslog's (0 emergency … 7 debug), `facility` the library's short word (`FAIL`,
/// `MAXPOLL`). Called from any thread, the library's own included, so it must neither block nor
/// call back into the client.
package typealias KafkaLogHandler =
  @Sendable (_ level: Int, _ facility: String, _ text: String) -> Void

/// The object behind the opaque pointer that C carries to the log callback.
final class LogSink: Sendable {
  let write: KafkaLogHandler

  init(_ write: @escaping KafkaLogHandler) { self.write = write }
}
