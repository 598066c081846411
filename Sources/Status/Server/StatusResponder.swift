import HTTPTypes
import Hummingbird

/// Answers requests: what, with which headers.
///
/// Nothing here can be changed from outside: GET and HEAD only, bodies of requests are not read,
/// and every answer forbids to be stored, sniffed, framed or to load anything.
struct StatusResponder: HTTPResponder {
  typealias Context = BasicRequestContext

  let renderings: Renderings

  func respond(to request: Request, context: Context) async throws -> Response {
    guard let route = Route(path: request.uri.path) else {
      return response(request, .notFound, "no such page; there are \(Self.paths)\n")
    }
    guard request.method == .get || request.method == .head else {
      var refusal = response(request, .methodNotAllowed, "only GET and HEAD\n")
      refusal.headers[.allow] = "GET, HEAD"
      return refusal
    }
    switch route {
    case .alive: return response(request, .ok, "ok\n")
    case .ready:
      let readiness = await renderings.readiness()
      return response(
        request, readiness.isReady ? .ok : .serviceUnavailable, readiness.sentence + "\n")
    case .metrics, .status, .html:
      return response(request, .ok, await renderings.rendering(of: route))
    }
  }

  private static let paths = Route.allCases.map(\.rawValue).joined(separator: " ")

  private func response(
    _ request: Request, _ status: HTTPResponse.Status, _ text: String
  ) -> Response {
    let rendering = Rendering(type: "text/plain; charset=utf-8", body: ByteBuffer(string: text))
    return response(request, status, rendering)
  }

  private func response(
    _ request: Request, _ status: HTTPResponse.Status, _ rendering: Rendering
  ) -> Response {
    let headers: HTTPFields = [
      .contentType: rendering.type,
      .contentLength: String(rendering.body.readableBytes),
      .cacheControl: "no-store",
      .xContentTypeOptions: "nosniff",
      .contentSecurityPolicy: Page.contentSecurityPolicy,
      .referrerPolicy: "no-referrer",
    ]
    let body = request.method == .head ? ResponseBody() : ResponseBody(byteBuffer: rendering.body)
    return Response(status: status, headers: headers, body: body)
  }
}

extension HTTPField.Name {
  fileprivate static var referrerPolicy: Self {
    guard let name = Self("Referrer-Policy") else {
      preconditionFailure("a name without spaces is a field's name")
    }
    return name
  }
}
