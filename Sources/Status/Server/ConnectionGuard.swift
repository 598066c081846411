import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes

/// Stands between a socket and everything else, and holds its connection to the rules of
/// `ConnectionTable`: it sees bytes only, so that nothing a client sends can talk it out of them.
///
/// Lives on its channel's event loop.
final class ConnectionGuard: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = IOData
  typealias OutboundOut = IOData

  private let connections: ConnectionTable
  private let id: ConnectionTable.ID
  /// Bytes received since a response was last finished.
  private var requestByteCount = 0
  private var check: Scheduled<Void>?

  init(_ channel: any Channel, connections: ConnectionTable) {
    self.connections = connections
    id = connections.open(channel)
  }

  func handlerAdded(context: ChannelHandlerContext) {
    scheduleCheck(context, in: connections.silenceMax)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    check?.cancel()
    connections.close(id)
  }

  func channelInactive(context: ChannelHandlerContext) {
    check?.cancel()
    connections.close(id)
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    requestByteCount += unwrapInboundIn(data).readableBytes
    if requestByteCount > connections.requestByteCountMax {
      connections.countFlood()
      context.close(promise: nil)
      return
    }
    context.fireChannelRead(data)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    let promise = promise ?? context.eventLoop.makePromise()
    promise.futureResult.assumeIsolated().whenSuccess {
      self.requestByteCount = 0
      self.connections.noteProgress(self.id)
    }
    context.write(data, promise: promise)
  }

  /// One timer a connection: progress only moves the time at which it looks again.
  private func scheduleCheck(_ context: ChannelHandlerContext, in delay: Duration) {
    check = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(delay)) {
      if let patience = self.connections.patience(self.id) {
        self.scheduleCheck(context, in: patience)
      } else {
        context.close(promise: nil)
      }
    }
  }
}

/// Hummingbird's HTTP/1.1 channel behind a `ConnectionGuard`.
struct GuardedChannel: ServerChildChannel {
  let http: HTTP1Channel
  let connections: ConnectionTable

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
    channel.eventLoop.makeCompletedFuture {
      let guardian = ConnectionGuard(channel, connections: connections)
      try channel.pipeline.syncOperations.addHandler(guardian)
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
