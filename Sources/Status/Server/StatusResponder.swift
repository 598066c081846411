import Base
import HTTPTypes
import Hummingbird

/// Answers requests: what, with which headers.
///
/// One for every address; which routes it has, its surface says. Over an open one nothing can be
/// changed: GET and HEAD only. Bodies of requests are not read, and every answer forbids to be
/// stored, sniffed, framed or to load anything.
struct StatusResponder: HTTPResponder {
  typealias Context = BasicRequestContext

  let surface: Surface
  let gate: StatusGate
  let answers: StatusAnswers
  let renderings: Renderings

  /// How long an order is waited for where the request does not say.
  static let waitDefault = 60
  static let waitMax = 600

  func respond(to request: Request, context: Context) async throws -> Response {
    let match = Route.match(request.uri.path)
    if surface == .open, match?.route.isProbe != true,
      let refusal = await refusal(of: request)
    {
      return refusal
    }
    guard let match, has(match.route) else {
      return text(request, .notFound, "no such page; there are \(paths)\n")
    }
    guard match.route.methods.contains(request.method) else {
      let methods = match.route.methods.map(\.rawValue)
      var refusal = text(
        request, .methodNotAllowed, "only \(methods.joined(separator: " and "))\n")
      refusal.headers[.allow] = methods.joined(separator: ", ")
      return refusal
    }
    return await answer(match, to: request)
  }

  /// Nil for who is let in.
  private func refusal(of request: Request) async -> Response? {
    switch await gate.admit(request.headers[.authorization]) {
    case .admitted: return nil
    case .refused(let challenges):
      var refusal = text(request, .unauthorized, "a login is needed here\n")
      for challenge in challenges {
        refusal.headers.append(HTTPField(name: .wwwAuthenticate, value: challenge))
      }
      return refusal
    case .busy:
      var refusal = text(request, .serviceUnavailable, "too many logins are being checked\n")
      refusal.headers[.retryAfter] = "1"
      return refusal
    }
  }

  private func has(_ route: Route) -> Bool { route.isOn(surface) && answers.has(route) }

  private var paths: String {
    Route.allCases.filter(has).map(\.rawValue).joined(separator: " ")
  }

  private func answer(_ match: Route.Match, to request: Request) async -> Response {
    switch match.route {
    case .alive: return text(request, .ok, "ok\n")
    case .ready:
      let readiness = await renderings.readiness()
      return text(
        request, readiness.isReady ? .ok : .serviceUnavailable, readiness.sentence + "\n")
    case .metrics, .status, .html:
      let accept = request.headers[values: .accept]
      return response(request, .ok, await renderings.rendering(of: match.route, accept: accept))
    case .anomaly:
      guard let anomaly = await answers.anomaly?(match.word) else {
        return text(request, .notFound, "no such anomaly among those that are known here\n")
      }
      return json(request, .ok, anomaly)
    case .tap: return await tap(request)
    case .reload: return await reload(request)
    }
  }

  // MARK: - The admin surface

  private func reload(_ request: Request) async -> Response {
    let query = query(of: request)
    guard let wait = query["wait"].map(Int.init) ?? Self.waitDefault,
      (0...Self.waitMax).contains(wait), let reload = answers.reload
    else { return text(request, .badRequest, "wait: expected 0 to \(Self.waitMax) seconds\n") }
    let answer = await reload(.seconds(wait))
    return json(request, answer.isAccepted ? .ok : .conflict, answer.document)
  }

  private func tap(_ request: Request) async -> Response {
    switch await answers.tap?(query(of: request)) {
    case nil: return text(request, .notFound, "no records can be tapped here\n")
    case .refused(let sentence): return text(request, .badRequest, sentence + "\n")
    case .lines(let lines):
      return Response(
        status: .ok, headers: headers(type: "application/x-ndjson"),
        body: ResponseBody { writer in
          for await bytes in lines { try await writer.write(ByteBuffer(bytes: bytes)) }
          try await writer.finish(nil)
        })
    }
  }

  /// Of a name given twice the first counts.
  private func query(of request: Request) -> [String: String] {
    let pairs = request.uri.queryParameters.map { (String($0.key), String($0.value)) }
    return Dictionary(pairs) { first, _ in first }
  }

  // MARK: - Forms

  private func text(
    _ request: Request, _ status: HTTPResponse.Status, _ text: String
  ) -> Response {
    let rendering = Rendering(type: "text/plain; charset=utf-8", body: ByteBuffer(string: text))
    return response(request, status, rendering)
  }

  private func json(
    _ request: Request, _ status: HTTPResponse.Status, _ value: JSONValue
  ) -> Response {
    let body = ByteBuffer(bytes: value.bytes + [UInt8(ascii: "\n")])
    return response(request, status, Rendering(type: "application/json", body: body))
  }

  private func response(
    _ request: Request, _ status: HTTPResponse.Status, _ rendering: Rendering
  ) -> Response {
    var headers = headers(type: rendering.type)
    headers[.contentLength] = String(rendering.body.readableBytes)
    let body = request.method == .head ? ResponseBody() : ResponseBody(byteBuffer: rendering.body)
    return Response(status: status, headers: headers, body: body)
  }

  private func headers(type: String) -> HTTPFields {
    [
      .contentType: type,
      .cacheControl: "no-store",
      .xContentTypeOptions: "nosniff",
      .contentSecurityPolicy: Page.contentSecurityPolicy,
      .referrerPolicy: "no-referrer",
    ]
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
