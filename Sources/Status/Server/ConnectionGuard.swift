import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes
import NIOSSL

/// Stands between a socket and everything else, and holds its connection to the rules of
/// `ConnectionTable`: it sees bytes only, so that nothing a client sends can talk it out of them.
/// It stands before TLS: whoever drags out a handshake is silent, and a connection it closes is
/// closed at once, without a farewell that the other side would have to answer.
///
/// Lives on its channel's event loop.
final class ConnectionGuard: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private let connections: ConnectionTable
  private var id: ConnectionTable.ID?
  /// Nil before it stands in a pipeline and after.
  private var context: ChannelHandlerContext?
  /// Bytes received since a response was last finished.
  private var requestByteCount = 0
  private var check: Scheduled<Void>?

  init(connections: ConnectionTable) { self.connections = connections }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    let loop = context.eventLoop
    let bound = NIOLoopBound(self, eventLoop: loop)
    id = connections.open { loop.execute { bound.value.cut() } }
    scheduleCheck(context, in: connections.silenceMax)
  }

  func handlerRemoved(context: ChannelHandlerContext) { forget() }

  func channelInactive(context: ChannelHandlerContext) {
    forget()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    requestByteCount += unwrapInboundIn(data).readableBytes
    if requestByteCount > connections.requestByteCountMax {
      connections.countFlood()
      cut()
      return
    }
    context.fireChannelRead(data)
  }

  /// A response, or a part of one, has gone to the kernel whole.
  func noteProgress() {
    requestByteCount = 0
    if let id { connections.noteProgress(id) }
  }

  private func cut() { context?.close(promise: nil) }

  private func forget() {
    check?.cancel()
    context = nil
    if let id { connections.close(id) }
    id = nil
  }

  /// One timer a connection: progress only moves the time at which it looks again.
  private func scheduleCheck(_ context: ChannelHandlerContext, in delay: Duration) {
    check = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(delay)) {
      guard let id = self.id, let context = self.context else { return }
      if let patience = self.connections.patience(id) {
        self.scheduleCheck(context, in: patience)
      } else {
        self.cut()
      }
    }
  }
}

/// Tells a `ConnectionGuard` of what was answered. It stands behind TLS: what a handshake makes the
/// server say is no answer.
final class AnswerWatch: ChannelOutboundHandler {
  typealias OutboundIn = IOData
  typealias OutboundOut = IOData

  private let guardian: ConnectionGuard

  init(_ guardian: ConnectionGuard) { self.guardian = guardian }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    let promise = promise ?? context.eventLoop.makePromise()
    promise.futureResult.assumeIsolated().whenSuccess { self.guardian.noteProgress() }
    context.write(data, promise: promise)
  }
}

/// Hummingbird's HTTP/1.1 channel behind a `ConnectionGuard`, and behind TLS where there is any.
struct GuardedChannel: ServerChildChannel {
  let http: HTTP1Channel
  let connections: ConnectionTable
  let gate: StatusGate

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
    channel.eventLoop.makeCompletedFuture {
      let guardian = ConnectionGuard(connections: connections)
      let pipeline = channel.pipeline.syncOperations
      try pipeline.addHandler(guardian)
      if let tls = gate.tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
      try pipeline.addHandler(AnswerWatch(guardian))
    }.flatMap {
      http.setup(channel: channel, logger: logger)
    }
  }

  func handle(value: HTTP1Channel.Value, logger: Logger) async {
    await http.handle(value: value, logger: logger)
  }
}

extension HTTP1Channel {
  /// With limits for scrapers and browsers: cookies of other services on the same host can make a
  /// header field of some kilobytes.
  static func limited(_ responder: @escaping Responder) -> HTTP1Channel {
    HTTP1Channel(
      responder: responder,
      configuration: Configuration(
        httpDecoderConfiguration: .init(
          maxHeaderFieldSize: 16_384, maxHeaderListSize: 32_768, maxHeaderFieldCount: 100)))
  }
}
