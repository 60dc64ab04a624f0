/*
 * The chat widget: one script tag, one custom element, no framework and no build step.
 *
 *   <script src="https://pay.example.com/widget.js" data-lang="en" data-title="Ask us"></script>
 *
 * or, where the page wants to place it itself, `<remit-chat server="https://pay.example.com" data-lang="en">`. The
 * README names the attributes and the colours. A click on anything with `data-remit-open` opens it.
 *
 * What belongs here: what a reader sees and presses, and the line to the server. What never will: HTML made from a
 * message, a card or bank number in storage, a style or script written into the page, and any rule about payments.
 */
(() => {
  'use strict';
  if (customElements.get('remit-chat')) return;

  const SCRIPT = document.currentScript;
  const FIRST_PAUSE = 300; // ms before the first new try; doubled up to LAST_PAUSE
  const LAST_PAUSE = 10000;
  const SILENCE = 40000; // the server says something every 15 s, so after this long the line is dead
  const HIDDEN = 300000; // a hidden tab gives its line back: browsers allow only six to one server
  const LONGEST = 4000; // characters of one message that the server reads
  const TELEGRAM = false; // the server writes true where the business has a bot there

  const WORDS = {
    en: {
      title: 'Payments', open: 'Open chat', close: 'Close chat', news: ['1 new message', '# new messages'],
      log: 'Conversation', message: 'Your message', hint: 'Type a message', send: 'Send', answers: 'Answers',
      customer: 'You', bot: 'Assistant', agent: 'Team member', notice: 'Update', newer: 'New messages',
      again: 'Reconnecting…', offline: 'You are offline', away: 'The chat is not available here.',
      later: 'Waiting for the connection', lost: 'Not sent', ended: 'The earlier conversation has ended. This is a new one.',
      telegram: 'Continue in Telegram',
      pay: 'Go to the secure payment page', paper: 'Open the invoice (PDF)', receipt: 'Receipt and PDF', sign_in: 'Sign in', invoice: 'Invoice', invoices: 'Invoices', due: 'To pay', total: 'Total',
      processing: 'Processing', date: 'Due date', amount: 'Amount', method: 'Paid with', on: 'Date',
      reference: 'Reference', card: 'Card', bank: 'Bank account', open_: 'Open', paid: 'Paid', void: 'Void',
      credit: 'Credit note', succeeded: 'Paid', failed: 'Not paid', returned: 'Returned by the bank',
      refunded: 'Refunded', part_refunded: 'Partly refunded', disputed: 'Disputed', other: 'Payment',
    },
    es: {
      title: 'Pagos', open: 'Abrir el chat', close: 'Cerrar el chat', news: ['1 mensaje nuevo', '# mensajes nuevos'],
      log: 'Conversación', message: 'Su mensaje', hint: 'Escriba un mensaje', send: 'Enviar', answers: 'Respuestas',
      customer: 'Usted', bot: 'Asistente', agent: 'Persona del equipo', notice: 'Novedad', newer: 'Mensajes nuevos',
      again: 'Reconectando…', offline: 'No tiene conexión', away: 'El chat no está disponible aquí.',
      later: 'A la espera de la conexión', lost: 'No se envió',
      ended: 'La conversación anterior terminó. Esta es una nueva.',
      telegram: 'Seguir en Telegram',
      pay: 'Ir a la página de pago segura', paper: 'Abrir la factura (PDF)', receipt: 'Recibo y PDF', sign_in: 'Iniciar sesión', invoice: 'Factura', invoices: 'Facturas', due: 'Por pagar', total: 'Total',
      processing: 'En proceso', date: 'Vence el', amount: 'Importe', method: 'Pagado con', on: 'Fecha',
      reference: 'Referencia', card: 'Tarjeta', bank: 'Cuenta bancaria', open_: 'Pendiente', paid: 'Pagada',
      void: 'Anulada', credit: 'Nota de crédito', succeeded: 'Pagado', failed: 'No pagado',
      returned: 'Devuelto por el banco', refunded: 'Reembolsado', part_refunded: 'Reembolsado en parte',
      disputed: 'En disputa', other: 'Pago',
    },
  };

  const ENDS = { won: 'succeeded', lost: 'returned' }; // of a dispute
  const SOON = 15000; // milliseconds: an answer that comes later is shown, and the customer decides

  const BRANDS = {
    visa: 'Visa', mastercard: 'Mastercard', amex: 'American Express', discover: 'Discover', diners: 'Diners Club',
    jcb: 'JCB', unionpay: 'UnionPay',
  };

  // --- sums and dates ------------------------------------------------------------------------------------------------

  // ISO 4217, table A.1: exponents other than 2. Browsers have CLDR's instead, which differ (IQD).
  const EXPONENTS = [
    [0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'],
    [3, 'BHD IQD JOD KWD LYD OMR TND'],
    [4, 'CLF UYW'],
  ];

  // Of which country sums and dates are written, as in the messages: not 120,00 US$ beside $120.00.
  const WRITTEN_AS = { es: 'es-US' };

  /** A sum in minor units, for reading: (12000, 'USD', 'en') is $120.00. The browser is handed digits, never a fraction. */
  function money(minor, currency, locale) {
    const places = (EXPONENTS.find(([, codes]) => codes.includes(currency)) || [2])[0];
    const digits = String(Math.abs(minor)).padStart(places + 1, '0');
    const cut = digits.length - places;
    const form = new Intl.NumberFormat(locale, {
      style: 'currency', currency, minimumFractionDigits: places, maximumFractionDigits: places,
    });
    return (minor < 0 ? '\u2212' : '') + form.format(`${digits.slice(0, cut)}.${digits.slice(cut)}`);
  }

  /** A calendar date stays that date in every time zone. */
  function day(date, locale) {
    return new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone: 'UTC' }).format(new Date(`${date}T00:00Z`));
  }

  function moment(at, locale) {
    return new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(at));
  }

  /** A text in pieces, so that no line ends inside a number such as INV-1042. */
  function unbroken(text) {
    const parts = text.split(/(\(?\b[A-Z]{1,6}(?:-[A-Z\d]{1,8}){1,3})\b/);
    return parts.map((part, n) => (n % 2 ? make('span', { class: 'unbroken' }, part) : part));
  }

  // --- what outlives a page ------------------------------------------------------------------------------------------

  /** Values by name in the browser's storage, or for this page only where storage is forbidden. */
  class Shelf {
    constructor(prefix, open) {
      this.prefix = prefix;
      this.here = new Map();
      try {
        this.store = open();
        this.store.getItem(prefix);
      } catch {
        this.store = null; // blocked by the browser's settings
      }
    }

    get(name) {
      try {
        const text = this.store ? this.store.getItem(this.prefix + name) : this.here.get(name);
        return text ? JSON.parse(text) : null;
      } catch {
        return null; // somebody else wrote there
      }
    }

    set(name, value) {
      const text = JSON.stringify(value);
      this.here.set(name, text);
      try {
        if (this.store) this.store.setItem(this.prefix + name, text);
      } catch {
        this.store = null; // full: go on with this page's memory
      }
    }
  }

  const chance = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');

  /** Whether so many digits stand together that it could be a card or account number: such a text is never stored. */
  const sensitive = (text) => /(?:\d[^\p{L}\d]{0,3}){9}/u.test(text || '');

  /**
   * Whom the page's signed token is about, as a number under which the chat is kept: the next user of a shared computer
   * has another one. Nothing is verified here; that is the server's.
   */
  function reader(token) {
    if (!token) return '';
    let whom = token;
    try {
      const { sub, email } = JSON.parse(atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')));
      whom = sub || email || token;
    } catch {
      // no token at all: the server will say so
    }
    return `${[...String(whom)].reduce((sum, letter) => (sum * 31 + letter.codePointAt()) % 2 ** 47, 7)}:`;
  }

  // --- the line to the server ------------------------------------------------------------------------------------------

  class Refused extends Error {
    constructor(status, message, wait) {
      super(message);
      this.status = status;
      this.wait = wait; // ms the server asks for
    }

    get gone() {
      return this.status === 401 || this.status === 404;
    }

    get final() {
      return this.status < 500 && ![408, 425, 429].includes(this.status);
    }
  }

  /**
   * One conversation: begins it, keeps what is not sent yet, reads what is said. Knows nothing of the page.
   * `told` hears: began(), messages(list), answered(item, list), refused(item, why),
   * waiting(item), state(name, why), openLink(token), cleared(seq).
   */
  class Line {
    constructor(server, told, greeting, reader) {
      this.server = server;
      this.told = told;
      this.greeting = greeting; // () => what a new conversation begins with
      this.shelf = new Shelf(`remit:${server}:${reader}`, () => localStorage);
      this.wanted = false;
      this.unsent = [];
      this.pauses = new Set();
      this.id = null; // of the conversation on show
      this.cursor = 0; // last message that came by the event stream: only there is the order without holes
      this.top = 0; // last message shown
    }

    get stored() {
      return this.shelf.get('chat');
    }

    /** Connect, and stay connected until `stop`. */
    start() {
      this.wanted = true;
      this.listen();
      this.flush();
    }

    stop() {
      this.wanted = false;
      this.cut();
    }

    /** Let go of a line that may be dead, and try again at once. */
    retry() {
      this.cut();
      if (this.wanted) this.start();
    }

    cut() {
      if (this.reading) this.reading.abort();
      for (const wake of [...this.pauses]) wake();
    }

    say(words) {
      const item = { id: chance(), chat: this.id, seen: this.top, ...words };
      this.unsent.push(item);
      if (!sensitive(item.text)) this.shelf.set('unsent', [...(this.shelf.get('unsent') || []), item]);
      this.start();
      return item;
    }

    /** What an earlier page could not send. The same id twice has one effect, so two tabs may both try. */
    leftovers() {
      const chat = this.stored;
      const mine = new Set(this.unsent.map((item) => item.id));
      const left = (this.shelf.get('unsent') || []).filter((i) => chat && i.chat === chat.id && !mine.has(i.id));
      this.unsent.push(...left);
      return left;
    }

    drop(item) {
      this.unsent = this.unsent.filter((each) => each !== item);
      this.shelf.set('unsent', (this.shelf.get('unsent') || []).filter((each) => each.id !== item.id));
    }

    /** Send in order, one at a time; each until it is answered or refused for good. */
    async flush() {
      if (this.flushing) return;
      this.flushing = true;
      for (let tries = 0; this.wanted && this.unsent.length; ) {
        const item = this.unsent[0];
        let chat;
        try {
          chat = await this.ready();
          const { id, text, choice, seen } = item;
          this.keep(chat, { sent: [id, ...(chat.sent || [])].slice(0, 3) });
          const messages = await this.post(chat, { id, text, choice, seen, page: this.greeting().page });
          this.reach(messages);
          this.drop(item);
          this.told.answered(item, chat.id === this.id ? messages : []);
          tries = 0;
        } catch (error) {
          if (error.gone && (await this.renewed(chat))) continue;
          if (error.gone) this.forget(chat);
          // a button belongs to its conversation; words may begin a new one
          if (error.final && !(error.gone && item.text && tries < 2)) {
            this.drop(item);
            this.told.refused(item, error.gone ? '' : error.message);
          } else {
            this.told.waiting(item);
            await this.pause(tries, error.wait);
          }
          tries += 1;
        }
      }
      this.flushing = false;
    }

    /** Read what is said, as long as it is wanted. */
    async listen() {
      if (this.listening) return;
      this.listening = true;
      for (let tries = 0; this.wanted; tries += 1) {
        let wait = 0;
        let chat;
        try {
          chat = await this.ready();
          if (await this.read(chat)) tries = 0;
          await this.posting; // which may bring another token for the next line
        } catch (error) {
          if (error.gone && (await this.renewed(chat))) continue;
          if (error.gone) this.forget(chat);
          else if (error.final) {
            this.told.state('refused', error.message);
            break;
          }
          wait = error.wait;
        }
        if (!this.wanted) break;
        this.told.state(navigator.onLine === false ? 'offline' : 'again');
        await this.pause(tries, wait);
      }
      this.listening = false;
    }

    /** True once the stream has ended after it was open; raises when it never opened. */
    async read(chat) {
      const cutter = (this.reading = new AbortController());
      const response = await this.call('GET', `/${chat.id}/events`, chat.token, undefined, cutter.signal);
      this.told.state('open');
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      for (let rest = ''; ; ) {
        const timer = setTimeout(() => cutter.abort(), SILENCE);
        const { done, value } = await reader.read().catch(() => ({ done: true }));
        clearTimeout(timer);
        if (done || chat.id !== this.id) return true;
        const blocks = (rest + decoder.decode(value, { stream: true })).split(/\r?\n\r?\n/);
        rest = blocks.pop();
        this.take(blocks);
      }
    }

    reach(messages) {
      for (const { seq } of messages) this.top = Math.max(this.top, seq);
    }

    take(blocks) {
      const messages = [];
      for (const block of blocks) {
        const lines = block.split(/\r?\n/).filter((line) => line.startsWith('data:'));
        if (lines.length) messages.push(JSON.parse(lines.map((line) => line.slice(5)).join('\n')));
      }
      for (const { seq } of messages) this.cursor = Math.max(this.cursor, seq);
      this.reach(messages);
      if (messages.length) this.told.messages(messages);
    }

    /** The conversation, begun if there is none; at most one beginning at a time. */
    async ready() {
      const chat = this.stored;
      if (!chat) {
        this.beginning = this.beginning || this.begin().finally(() => (this.beginning = null));
        return this.beginning;
      }
      this.follow(chat);
      return chat;
    }

    async begin() {
      const greeting = this.greeting();
      const browser = this.shelf.get('browser') || undefined;
      const response = await this.call('POST', '', null, { ...greeting, browser });
      const { id, token, messages } = await response.json();
      const other = this.stored;
      if (other) {
        this.follow(other); // another tab was quicker: one conversation for both
        if (greeting.pay_link && greeting.pay_link !== other.link) this.told.openLink(greeting.pay_link);
        return other;
      }
      const chat = { id, token, link: greeting.pay_link };
      this.shelf.set('chat', chat);
      this.follow(chat);
      this.told.messages(messages);
      return chat;
    }

    follow(chat) {
      if (chat.id === this.id) return;
      const before = this.id;
      this.id = chat.id;
      this.cursor = this.top = 0;
      this.told.began(before);
      if (this.reading) this.reading.abort(); // it reads the conversation before
    }

    forget(chat) {
      const now = this.stored;
      if (now && chat && now.id === chat.id) this.shelf.set('chat', null);
    }

    /** Write down what is new of this conversation, unless another one took its place meanwhile. */
    keep(chat, news) {
      const now = this.stored;
      if (now && now.id === chat.id) this.shelf.set('chat', { ...now, ...news });
    }

    /** Sends one message; answers with what is said to it. Signing in or out brings another token for the conversation. */
    async post(chat, body) {
      const answer = this.call('POST', `/${chat.id}/messages`, chat.token, body).then((response) => response.json());
      this.posting = answer.catch(() => null);
      const { messages, token, remembered, cleared } = await answer;
      if (token) this.keep(chat, { token });
      if (cleared && chat.id === this.id) this.told.cleared(cleared);
      if (token && !remembered) this.shelf.set('browser', null);
      if (remembered && !this.shelf.get('browser')) this.remember({ ...chat, token: token || chat.token });
      return messages;
    }

    /** The customer wants to be known in this browser: later conversations begin with a token for it. */
    async remember(chat) {
      const response = await this.call('POST', `/${chat.id}/browser`, chat.token).catch(() => null);
      if (response) this.shelf.set('browser', (await response.json()).token); // else the next answer reminds us
    }

    /** A token that was refused: true if there is a newer one, from another tab or with the answer that was lost. */
    async renewed(chat) {
      const now = this.stored;
      if (!chat || !now || now.id !== chat.id) return false;
      const isNew = () => (this.stored || chat).token !== chat.token;
      for (const id of now.sent || []) {
        if (!isNew()) await this.post(now, { id, choice: '/start' }).catch(() => null); // known by its id: the same answer
      }
      return isNew();
    }

    async call(method, path, token, body, signal) {
      const headers = {};
      if (token) headers.Authorization = `Bearer ${token}`;
      if (body) headers['Content-Type'] = 'application/json';
      if (method === 'GET' && this.cursor) headers['Last-Event-ID'] = String(this.cursor);
      const cutter = new AbortController();
      const timer = setTimeout(() => cutter.abort(), SILENCE);
      if (signal) signal.addEventListener('abort', () => cutter.abort());
      const response = await fetch(`${this.server}/api/v1/conversations${path}`, {
        method, headers, body: body && JSON.stringify(body), signal: cutter.signal, credentials: 'omit', cache: 'no-store',
      }).finally(() => clearTimeout(timer));
      if (response.ok) return response;
      const { error } = await response.json().catch(() => ({}));
      const wait = Number(response.headers.get('Retry-After')) * 1000 || 0;
      throw new Refused(response.status, (error && error.message) || '', wait);
    }

    /** Doubling, spread so that a thousand readers do not come back at once; ended by `cut`. */
    pause(tries, asked = 0) {
      const own = Math.min(LAST_PAUSE, FIRST_PAUSE * 2 ** tries) * (0.8 + Math.random() * 0.4);
      return new Promise((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          this.pauses.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, Math.max(own, asked));
        this.pauses.add(wake);
      });
    }
  }

  // --- what is seen ----------------------------------------------------------------------------------------------------

  const LIGHT = `--accent: var(--remit-accent, #0f6b4f); --on-accent: var(--remit-on-accent, #fff);
    --panel: var(--remit-panel, #fff); --ground: var(--remit-ground, #eff3f1); --ink: var(--remit-ink, #17211c);
    --soft: var(--remit-soft, #4f5b55); --line: #d3dad6; --edge: #75817b; --mark: #fff4d6; --focus: #1a5fd0;
    --wrong: #a61b1b; color-scheme: light;`;
  const DARK = `--accent: var(--remit-accent-dark, #6fd3ad); --on-accent: var(--remit-on-accent-dark, #05241a);
    --panel: var(--remit-panel-dark, #161c19); --ground: var(--remit-ground-dark, #242d28);
    --ink: var(--remit-ink-dark, #edf2ef); --soft: var(--remit-soft-dark, #b0bcb5); --line: #3a453f; --edge: #85938b;
    --mark: #3a2f10; --focus: #9cc3ff; --wrong: #ffaaa3; color-scheme: dark;`;

  const STYLE = `
    :host { ${LIGHT} font: 1rem/1.45 var(--remit-font, system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif);
      position: relative; z-index: var(--remit-layer, 2147483000); display: block; text-align: start;
      letter-spacing: normal; word-spacing: normal; text-transform: none; white-space: normal; cursor: auto; }
    @media (prefers-color-scheme: dark) { :host(:not([data-theme='light'])) { ${DARK} } }
    :host([data-theme='dark']) { ${DARK} }
    :host([hidden]), [hidden] { display: none !important; }
    * { box-sizing: border-box; margin: 0; }
    button, a, textarea { font: inherit; color: inherit; }
    button, a { touch-action: manipulation; cursor: pointer; }
    button { border: 0; background: none; }
    svg { width: 1.5rem; height: 1.5rem; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round;
      stroke-linejoin: round; flex: none; }
    :focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
    .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

    .launcher { position: fixed; inset-block-end: calc(1rem + env(safe-area-inset-bottom)); inset-inline-end: 1rem;
      width: 3.5rem; height: 3.5rem; display: grid; place-items: center; border-radius: 50%; background: var(--accent);
      color: var(--on-accent); border: 2px solid var(--panel); box-shadow: 0 4px 16px rgb(0 0 0 / .28); }
    .badge { position: absolute; inset-block-start: -.3rem; inset-inline-end: -.3rem; min-width: 1.5rem; padding: 0 .35rem;
      border-radius: 1rem; background: #b3261e; color: #fff; font-size: .875rem; line-height: 1.5rem; font-weight: 600; }

    .panel { position: fixed; inset-block-end: calc(1rem + env(safe-area-inset-bottom)); inset-inline-end: 1rem;
      width: min(25rem, 100vw - 2rem); height: min(42rem, 100dvh - 2rem); display: flex; flex-direction: column;
      background: var(--panel); color: var(--ink); border: 1px solid var(--line); overflow: hidden;
      border-radius: var(--remit-radius, 1rem); box-shadow: 0 12px 40px rgb(0 0 0 / .3); animation: rise .16s ease-out; }
    @keyframes rise { from { opacity: 0; transform: translateY(.75rem); } }
    .head { display: flex; align-items: center; gap: .5rem; padding-inline: 1rem .25rem; min-height: 3.25rem;
      border-block-end: 1px solid var(--line); flex: none; }
    .head :is(h1, h2) { flex: 1; min-width: 0; font-size: 1.0625rem; line-height: 1.3; font-weight: 650;
      overflow-wrap: anywhere; }
    .icon { width: 2.75rem; height: 2.75rem; display: grid; place-items: center; border-radius: .75rem; flex: none; }
    .icon:hover { background: var(--ground); }
    .middle { position: relative; flex: 1; min-height: 0; display: flex; }
    .state { position: absolute; inset-block-start: .5rem; inset-inline: 0; margin-inline: auto; width: fit-content;
      max-width: calc(100% - 2rem); z-index: 1; padding: .25rem .875rem; border-radius: 1rem; background: var(--ink);
      color: var(--panel); font-size: .875rem; overflow-wrap: anywhere; }
    .state:empty { display: none; }
    .log { flex: 1; min-width: 0; overflow-y: auto; overscroll-behavior: contain; padding: 1rem; }
    .log:focus-visible { outline-offset: -3px; }
    .row { display: flex; flex-direction: column; align-items: flex-start; gap: .5rem; margin-block-end: .75rem; }
    .row.customer { align-items: flex-end; }
    .who { font-size: .8125rem; font-weight: 600; color: var(--soft); margin-block-end: -.25rem; }
    .text { max-width: min(88%, 34rem); padding: .5rem .8125rem; border-radius: 1rem; background: var(--ground);
      border: 1px solid transparent; border-end-start-radius: .25rem; white-space: pre-wrap; overflow-wrap: anywhere; }
    .unbroken { display: inline-block; text-indent: 0; } .item { padding-inline-start: .875em; text-indent: -.875em; }
    .customer .text { background: var(--accent); color: var(--on-accent); border-radius: 1rem;
      border-end-end-radius: .25rem; }
    .notice .text { background: var(--mark); }
    .agent .text { border-inline-start: 3px solid var(--accent); }
    .note { font-size: .8125rem; color: var(--soft); overflow-wrap: anywhere; }
    .note.wrong { color: var(--wrong); }
    .card { width: min(100%, 22rem); border: 1px solid var(--line); border-radius: .875rem; padding: .75rem .875rem; }
    .card .top { display: flex; justify-content: space-between; align-items: baseline; gap: .75rem; }
    .card .sum { font-size: 1.5rem; font-weight: 650; line-height: 1.3; font-variant-numeric: tabular-nums; }
    .card .mark { font-size: .8125rem; font-weight: 600; color: var(--soft); }
    .card .mark.paid, .card .mark.succeeded { color: var(--accent); }
    .card .mark.failed, .card .mark.returned { color: var(--wrong); }
    .card * { overflow-wrap: anywhere; min-width: 0; }
    dl { display: grid; grid-template-columns: auto 1fr; gap: .125rem .875rem; margin-block-start: .5rem; font-size: .9375rem; }
    dt { color: var(--soft); } dd { text-align: end; }
    .pay, .choice, .paper { min-height: 2.75rem; padding: .5rem 1rem; border-radius: .75rem; font-weight: 600; text-align: start;
      overflow-wrap: anywhere; }
    .pay { display: flex; align-items: center; gap: .625rem; width: min(100%, 22rem); padding-block: .75rem;
      justify-content: center; background: var(--accent); color: var(--on-accent); text-decoration: none; }
    .pay svg { width: 1.25rem; height: 1.25rem; }
    .choices { display: flex; flex-wrap: wrap; gap: .5rem; }
    .choice { border: 1.5px solid var(--accent); color: var(--accent); background: var(--panel); }
    .choice:hover { background: var(--ground); } .choice.agree { background: var(--accent); color: var(--on-accent); }
    .pay:hover, .agree:hover { text-decoration: underline; } .paper { color: var(--accent); padding-inline: 0; }
    .dots { display: inline-flex; gap: .3rem; padding: .875rem; border-radius: 1rem; background: var(--ground);
      margin-block-end: .75rem; }
    .dots i { width: .45rem; height: .45rem; border-radius: 50%; background: var(--soft); animation: dot 1.2s infinite; }
    .dots i + i { animation-delay: .15s; } .dots i + i + i { animation-delay: .3s; }
    @keyframes dot { 0%, 60%, 100% { opacity: .35; } 30% { opacity: 1; } }
    .newer { position: absolute; inset-block-end: .5rem; inset-inline: 0; margin-inline: auto; width: fit-content;
      min-height: 2.75rem; padding: 0 1rem; border-radius: 2rem; background: var(--ink); color: var(--panel); }
    form { display: flex; align-items: flex-end; gap: .5rem; padding: .625rem; border-block-start: 1px solid var(--line);
      padding-block-end: calc(.625rem + env(safe-area-inset-bottom)); flex: none; }
    textarea { flex: 1; min-width: 0; min-height: 2.75rem; max-height: 8rem; padding: .5625rem .75rem; resize: none;
      border: 1px solid var(--edge); border-radius: .875rem; background: var(--panel); color: var(--ink); }
    textarea::placeholder { color: var(--soft); opacity: 1; }
    .send { width: 2.75rem; height: 2.75rem; display: grid; place-items: center; border-radius: .875rem; flex: none;
      background: var(--accent); color: var(--on-accent); }

    :host([mode='page']) { z-index: auto; height: 100%; }
    :host([mode='page']) .panel { position: static; width: min(48rem, 100%); height: 100%; margin-inline: auto;
      border-radius: 0; border-block: 0; box-shadow: none; animation: none; }
    @media (max-width: 30rem), (max-height: 30rem) {
      :host(:not([mode='page'])) .panel { inset: 0; width: 100%; height: var(--room, 100dvh); border: 0; border-radius: 0; }
      :host([mode='page']) .panel { border: 0; }
    }
    @media (max-height: 22rem) { .head { min-height: 2.75rem; } textarea { max-height: 3.5rem; } .log { padding: .5rem; } }
    @media (prefers-reduced-motion: reduce) { * { animation: none !important; scroll-behavior: auto !important; } }
    @media (forced-colors: active) { .text, .choice, .pay, .send, .launcher { border: 1px solid; } }
    @media print { .launcher, form, .newer { display: none; } }
  `;

  const ICONS = {
    chat: 'M21 12a8 8 0 0 1-8 8H4l2-3.2A8 8 0 1 1 21 12z M9 12h.01 M13 12h.01 M17 12h.01',
    close: 'M6 6l12 12 M18 6L6 18',
    send: 'M12 20V5 M5 12l7-7 7 7',
    plane: 'M21 4L3 11l6 2.5L18 7l-6.5 8 6 4z',
    lock: 'M6 11h12v9H6z M8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  };

  /** An element: attributes by name, children as elements or as text. Nothing is ever read as HTML. */
  function make(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
      else if (value !== null && value !== false) made.setAttribute(name, value === true ? '' : value);
    }
    made.append(...children.filter((child) => child !== null));
    return made;
  }

  function icon(name) {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    for (const [key, value] of [['viewBox', '0 0 24 24'], ['aria-hidden', 'true']]) svg.setAttribute(key, value);
    path.setAttribute('d', ICONS[name]);
    svg.append(path);
    return svg;
  }

  const isConsent = (choice) => /^\/agree /.test(choice);

  /** Nothing but the web: a link of another kind is not shown. */
  const isWeb = (url) => /^https?:\/\//i.test(url);

  /**
   * The number that a just answered message must have: the first after `after` that its answer left out, a notice's aside.
   */
  function hole(messages, after) {
    const taken = new Set(messages.map((m) => m.seq));
    const gaps = messages.filter((m) => m.from !== 'notice' && m.seq - 1 > after && !taken.has(m.seq - 1)).map((m) => m.seq - 1);
    return gaps.length ? Math.min(...gaps) : null;
  }

  class RemitChat extends HTMLElement {
    connectedCallback() {
      this.built = this.built || this.build();
      this.ends = new AbortController();
      this.watch(this.ends.signal);
      const link = this.arrival();
      for (const item of this.line.leftovers()) this.echo(item);
      if (this.line.stored) this.line.start(); // so that news are seen while it is closed
      if (link) this.openLink(link);
      // chosen on the bill or in the letter already, so it need not be chosen again here
      if (this.wish) this.line.ready().then(() => this.press(...this.wish));
      const was = this.session.get('open');
      if (this.whole || was || (was === null && 'open' in this.dataset)) this.open(false);
    }

    disconnectedCallback() {
      this.ends.abort();
      this.line.stop();
    }

    /** Opens the panel; `focus`: and goes there. */
    open(focus = true) {
      if (!this.panel.hidden && !this.whole) return focus && this.enter();
      this.opener = focus ? document.activeElement : null;
      this.panel.hidden = false;
      this.launcher.hidden = true;
      this.session.set('open', true);
      this.line.start();
      this.down();
      this.seen();
      if (focus) this.enter();
    }

    /** Closes it, and gives the focus back to what opened it. */
    close() {
      const back = this.opener && this.opener !== document.body && this.opener !== this ? this.opener : this.launcher;
      this.panel.hidden = true;
      this.launcher.hidden = false;
      this.session.set('open', false);
      back.focus();
    }

    // --- set-up ----------------------------------------------------------------------------------------------------

    build() {
      this.whole = this.getAttribute('mode') === 'page';
      this.locale = this.dataset.lang || document.documentElement.lang || 'en';
      const language = this.locale.slice(0, 2) in WORDS ? this.locale.slice(0, 2) : 'en';
      this.words = WORDS[language];
      try {
        Intl.getCanonicalLocales(this.locale);
      } catch {
        this.locale = language; // a word that is no language tag
      }
      const given = this.getAttribute('server') || (SCRIPT && SCRIPT.src) || location.href;
      const server = new URL(given, location.href).origin;
      this.session = new Shelf(`remit:${server}:`, () => sessionStorage);
      this.rows = new Map(); // seq -> {message, row}
      this.last = 0; // the highest of these
      this.pending = []; // {item, row, after}: said here, its number not known yet
      this.titles = new Map(); // what a button sends -> what it says
      this.line = new Line(server, this, () => this.greeting(), reader(this.dataset.visitor));
      const root = this.attachShadow({ mode: 'open' });
      const sheet = new CSSStyleSheet(); // allowed by a policy that forbids inline styles
      sheet.replaceSync(STYLE);
      root.adoptedStyleSheets = [sheet];
      root.append(this.makeLauncher(), this.makePanel(language));
      root.addEventListener('keydown', (event) => this.key(event));
      return true;
    }

    makeLauncher() {
      this.badge = make('span', { class: 'badge', 'aria-hidden': 'true', hidden: true });
      this.launcher = make('button', {
        class: 'launcher', type: 'button', 'aria-haspopup': 'dialog', 'aria-label': this.words.open, hidden: this.whole,
        onclick: () => this.open(),
      }, icon('chat'), this.badge);
      return this.launcher;
    }

    makePanel(language) {
      const { words } = this;
      const title = this.dataset.title || words.title;
      this.state_ = make('div', { class: 'state', role: 'status' });
      this.dots = make('div', { class: 'dots', 'aria-hidden': 'true', hidden: true }, make('i'), make('i'), make('i'));
      this.list = make('div', { role: 'log', 'aria-live': 'polite', 'aria-label': words.log });
      this.log = make('div', { class: 'log', tabindex: '0', role: 'group', 'aria-label': words.log }, this.list, this.dots);
      this.log.addEventListener('scroll', () => this.atEnd() && this.seen(), { passive: true });
      this.newer = make('button', { class: 'newer', type: 'button', hidden: true, onclick: () => this.down(true) }, words.newer);
      const shut = make('button', { class: 'icon', type: 'button', 'aria-label': words.close, onclick: () => this.close() }, icon('close'));
      const leave = TELEGRAM ? make('button', {
        class: 'icon leave', type: 'button', title: words.telegram, 'aria-label': words.telegram,
        onclick: () => this.press(words.telegram, '/telegram'),
      }, icon('plane')) : null;
      this.panel = make('section', { class: 'panel', role: this.whole ? 'region' : 'dialog', 'aria-label': title, lang: language, hidden: true },
        make('div', { class: 'head' }, make(this.whole ? 'h1' : 'h2', { dir: 'auto' }, title), leave, this.whole ? null : shut),
        make('div', { class: 'middle' }, this.state_, this.log, this.newer),
        this.makeForm());
      return this.panel;
    }

    makeForm() {
      this.field = make('textarea', {
        rows: '1', maxlength: String(LONGEST), dir: 'auto', 'aria-label': this.words.message, placeholder: this.words.hint,
        autocomplete: 'off', enterkeyhint: 'send', oninput: () => this.fit(),
      });
      return make('form', { onsubmit: (event) => this.submit(event) }, this.field,
        make('button', { class: 'send', type: 'submit', 'aria-label': this.words.send }, icon('send')));
    }

    /** What happens around us: the network, other tabs, the window. */
    watch(signal) {
      const on = (target, name, act) => target.addEventListener(name, act, { signal });
      on(window, 'online', () => this.line.retry());
      on(window, 'offline', () => this.line.cut());
      on(window, 'pagehide', () => this.line.stop()); // lets the browser keep the page for the way back
      on(window, 'pageshow', (event) => event.persisted && this.wake());
      on(window, 'storage', (event) => this.elsewhere(event));
      on(document, 'visibilitychange', () => this.shown());
      on(document, 'click', (event) => {
        if (event.target instanceof Element && event.target.closest('[data-remit-open]')) this.open();
      });
      if (window.visualViewport) on(window.visualViewport, 'resize', () => this.room());
    }

    greeting() {
      const address = new URL(location.href);
      address.hash = '';
      if (address.href.length > 2000) address.search = ''; // longer than the server reads
      return { pay_link: this.link || undefined, locale: this.locale.slice(0, 16), page: address.href, visitor: this.dataset.visitor };
    }

    /** The pay link this page came with. In an address it counts once: a reload or the way back begins nothing anew. */
    arrival() {
      const address = new URL(location.href);
      const token = this.whole && (address.searchParams.get('i') || new URLSearchParams(address.hash.slice(1)).get('i'));
      const asks = this.whole && address.hash === '#sign-in';
      if (asks) this.wish = [this.words.sign_in, '/sign-in'];
      if (token || asks) {
        const [means] = /^(card|bank)$/.exec(address.searchParams.get('m')) || [];
        if (means) this.wish = [this.words[means], `/method ${means}`];
        address.searchParams.delete('i');
        address.searchParams.delete('m');
        address.hash = '';
        history.replaceState(history.state, '', address);
        return token;
      }
      const chat = this.line.stored;
      return this.dataset.payLink && !(chat && chat.link === this.dataset.payLink) ? this.dataset.payLink : null;
    }

    openLink(token) {
      this.link = token;
      const chat = this.line.stored;
      if (!chat) return;
      this.line.shelf.set('chat', { ...chat, link: token });
      this.line.ready().then(() => this.line.say({ text: `/start ${token}` }));
    }

    // --- what the line tells ------------------------------------------------------------------------------------------

    began(before) {
      this.rows.clear();
      this.last = 0;
      this.titles.clear();
      const note = before ? make('p', { class: 'note' }, this.words.ended) : null;
      this.list.replaceChildren(...[note, ...this.pending.map((p) => p.row)].filter(Boolean));
      for (const each of this.pending) each.after = 0;
    }

    /** Whoever was signed in has left: what was said to them is not for who sits here next. */
    cleared(seq) {
      for (const [at, { row }] of this.rows) {
        if (at > seq) continue;
        row.remove();
        this.rows.delete(at);
      }
    }

    messages(list) {
      const stick = this.atEnd();
      const read = this.read;
      for (const message of list) this.show(message, message.seq > read);
      this.refresh();
      if (stick) this.down();
      else this.newer.hidden = false;
      this.seen();
    }

    answered(item, list) {
      const said = this.pending.find((each) => each.item === item);
      const seq = said ? hole(list, said.after) : null;
      if (seq !== null) {
        this.settle(said);
        if (!this.rows.has(seq)) this.show({ seq, from: 'customer', text: item.choice || item.text });
      } else if (said) said.done = true; // no answer, perhaps a person reads it: the stream brings it
      this.messages(list);
      if (isConsent(item.choice) && Date.now() - item.born < SOON) this.follow(list);
    }

    /** Agreed by button, here and just now: the secure page is what comes next, and nobody has to tap for it. */
    follow(list) {
      const found = list.find(({ link }) => link && link.kind === 'checkout' && isWeb(link.url));
      if (found && window.top === window) location.assign(found.link.url);
    }

    refused(item, why) {
      const said = this.pending.find((each) => each.item === item);
      if (!said) return;
      this.pending = this.pending.filter((each) => each !== said);
      said.note.textContent = why ? `${this.words.lost}: ${why}` : this.words.lost;
      said.note.className = 'note wrong';
      this.refresh();
    }

    waiting(item) {
      const said = this.pending.find((each) => each.item === item);
      if (said) said.note.textContent = this.words.later;
      this.refresh();
    }

    state(name, why = '') {
      this.status = name;
      clearTimeout(this.soon);
      const text = { open: '', refused: why || this.words.away }[name] ?? this.words[name];
      // a line that is back within a moment is no news
      const tell = () => (this.state_.textContent = text);
      if (name === 'again' && !this.state_.textContent) this.soon = setTimeout(tell, 600);
      else tell();
      this.refresh();
    }

    // --- messages -------------------------------------------------------------------------------------------------------

    /** Put one message in its place, once. `fresh`: the reader has not had it before. */
    show(message, fresh = false) {
      for (const { title, payload } of message.choices || []) this.titles.set(payload, title);
      if (message.from === 'customer') this.recognise(message);
      const known = this.rows.get(message.seq);
      const row = this.row(message, fresh);
      if (known) {
        if (known.message.text !== message.text) known.row.replaceWith(row); // a number was taken out of it
        else return;
      } else {
        const after = message.seq > this.last ? [] : [...this.rows.keys()].filter((seq) => seq > message.seq);
        const next = after.length ? this.rows.get(Math.min(...after)) : this.pending[0];
        this.list.insertBefore(row, next ? next.row : null);
        this.last = Math.max(this.last, message.seq);
      }
      this.rows.set(message.seq, { message, row });
      if (fresh && message.from !== 'customer') this.knock();
    }

    /** A message of the customer came back with its number: it replaces what was shown in its place at once. */
    recognise(message) {
      if (this.rows.has(message.seq)) return;
      const open = this.pending.filter((each) => message.seq > each.after);
      const same = open.find(({ item }) => message.text === (item.choice || item.text))
        || open.find(({ done, item }) => done || sensitive(item.text)); // the server took a number out of it
      if (same) this.settle(same);
    }

    settle(said) {
      this.pending = this.pending.filter((each) => each !== said);
      said.row.remove();
    }

    /** Show at once what is being sent. */
    echo(item) {
      const note = make('p', { class: 'note' });
      const text = item.title || item.text;
      const row = this.row({ from: 'customer', text }, false);
      row.append(note);
      this.list.append(row);
      this.pending.push({ item, row, note, after: this.last });
      this.refresh();
      this.down();
    }

    row(message, fresh) {
      const { words } = this;
      const own = message.from === 'customer';
      const pressed = this.titles.get(message.text) || (message.text === '/telegram' && words.telegram);
      const text = (own && pressed) || message.text;
      const plain = own || message.from === 'bot';
      const alert = fresh && message.from === 'notice'; // a screen reader is told at once
      const row = make('div', { class: `row ${message.from}`, hidden: own && text.startsWith('/start'), role: alert ? 'alert' : null });
      if (!plain) row.append(make('p', { class: 'who', dir: 'auto' }, message.name || words[message.from] || words.bot));
      if (text) {
        const who = plain ? make('span', { class: 'unseen' }, `${words[message.from]}: `) : null;
        const [head, ...items] = text.split(/\n(?=•)/);
        const list = items.map((item) => make('div', { class: 'item' }, ...unbroken(item)));
        row.append(make('div', { class: 'text' }, who, make('div', { dir: 'auto' }, ...unbroken(head), ...list)));
      }
      const below = [this.card(message.card || {}), this.handOff(message.link || {}), this.choices(message.choices || [])];
      row.append(...below.filter(Boolean));
      return row;
    }

    /** To the secure page, to an invoice on paper, to a receipt, or to Telegram; a link of another kind is not shown. */
    handOff({ kind, url }) {
      if (!isWeb(url)) return null;
      const words = { document: this.words.paper, receipt: this.words.receipt, hop: this.words.telegram }[kind];
      if (words) return make('a', { class: 'paper', href: url, target: '_blank', rel: 'noopener' }, words);
      // never inside a frame: the page of the payment provider is seen with its own address
      const target = window.top === window ? null : '_top';
      return kind === 'checkout' ? make('a', { class: 'pay', href: url, target, hidden: true }, icon('lock'), this.words.pay) : null;
    }

    choices(list) {
      if (!list.length) return null;
      const buttons = list.map(({ title, payload }) => make('button', {
        class: isConsent(payload) ? 'choice agree' : 'choice', type: 'button', dir: 'auto', onclick: () => this.choose(title, payload),
      }, title));
      return make('div', { class: 'choices', role: 'group', 'aria-label': this.words.answers, hidden: true }, ...buttons);
    }

    card(card) {
      const { words } = this;
      const locale = WRITTEN_AS[this.locale.slice(0, 2)] || this.locale;
      const sum = (minor) => money(minor, card.currency, locale);
      if (card.kind === 'invoice') {
        const state = card.state === 'open' ? words.open_ : words[card.state];
        return this.facts(`${words.invoice} ${card.number}`, state, card.state, sum(card.due_minor), [
          [words.total, card.total_minor === card.due_minor ? '' : sum(card.total_minor)],
          [words.processing, card.processing_minor ? sum(card.processing_minor) : ''],
          [words.date, card.due_date && day(card.due_date, locale)],
        ]);
      }
      if (card.kind !== 'receipt') return null;
      const means = [BRANDS[card.brand] || words[card.method] || card.method, card.last4 && `···· ${card.last4}`];
      return this.facts(words.reference + ' ' + card.reference, words[ENDS[card.state] || card.state] || words.other, card.state, sum(card.amount_minor), [
        [card.invoices.includes(',') ? words.invoices : words.invoice, card.invoices],
        [words.method, means.filter(Boolean).join(' ')],
        [words.on, card.at && moment(card.at, locale)],
      ]);
    }

    facts(name, state, mark, sum, lines) {
      const list = make('dl', {});
      for (const [label, value] of lines) if (value) list.append(make('dt', {}, label), make('dd', { dir: 'auto' }, value));
      return make('div', { class: 'card' },
        make('div', { class: 'top' }, make('span', { dir: 'auto' }, name), make('span', { class: `mark ${/^\w+$/.test(mark) ? mark : ''}` }, state || '')),
        make('div', { class: 'sum' }, sum), list);
    }

    /** Which buttons still count: the newest answers, unless answered; the newest link; no link before a quote or receipt. */
    refresh() {
      let answers = !this.pending.length;
      let link = true;
      for (const [, { message, row }] of [...this.rows].sort(([a], [b]) => b - a)) {
        if (message.from === 'customer' && !row.hidden) answers = false;
        const choices = row.querySelector('.choices');
        const pay = row.querySelector('.pay');
        if (choices) choices.hidden = !answers;
        if (choices && answers) this.expect(message.choices);
        if (pay) pay.hidden = !link;
        const done = message.card && message.card.kind === 'receipt';
        if (choices || done) answers = false;
        if (pay || done || message.closes || row.querySelector('.agree')) link = false; // a new quote: the page before it is closed
      }
      this.dots.hidden = !(this.status === 'open' && this.pending.some((each) => !each.done && !each.note.textContent));
    }

    /** Where a code is asked for, the keyboard has digits, and offers the one from the mail. */
    expect([first, second]) {
      const code = first.payload === '/send-again' && second && second.payload.startsWith('/pick');
      this.field.inputMode = code ? 'numeric' : 'text';
      this.field.autocomplete = code ? 'one-time-code' : 'off';
    }

    // --- the reader -----------------------------------------------------------------------------------------------------

    submit(event) {
      event.preventDefault();
      const text = this.field.value.trim();
      if (!text) return;
      this.field.value = '';
      this.fit();
      this.echo(this.line.say({ text }));
    }

    press(title, payload) {
      const item = this.line.say({ choice: payload, title });
      item.born = Date.now(); // in memory alone: what an earlier page left over was not pressed just now
      this.echo(item);
    }

    choose(title, payload) {
      this.press(title, payload);
      this.log.focus({ preventScroll: true }); // the button is gone; the next ones follow in the tab order
    }

    key(event) {
      const here = this.shadowRoot.activeElement;
      if (event.key === 'Escape' && !this.whole && !this.panel.hidden) {
        event.stopPropagation();
        this.close();
      } else if (event.key === 'Enter' && here === this.field && !event.shiftKey && !event.isComposing) {
        this.submit(event);
      } else if (here && here.matches('.choice') && /^Arrow/.test(event.key)) {
        const all = [...here.parentElement.children];
        const ahead = event.key === 'ArrowDown' || event.key === (getComputedStyle(here).direction === 'rtl' ? 'ArrowLeft' : 'ArrowRight');
        all[(all.indexOf(here) + (ahead ? 1 : all.length - 1)) % all.length].focus();
        event.preventDefault();
      }
    }

    enter() {
      // a touch keyboard would cover half of what was opened
      (matchMedia('(pointer: fine)').matches ? this.field : this.log).focus({ preventScroll: true });
    }

    fit() {
      this.field.style.height = 'auto';
      this.field.style.height = `${this.field.scrollHeight + 2}px`;
    }

    room() {
      this.panel.style.setProperty('--room', `${Math.round(window.visualViewport.height)}px`);
      if (this.atEnd(200)) this.down();
    }

    atEnd(near = 48) {
      const { scrollHeight, scrollTop, clientHeight } = this.log;
      return scrollHeight - scrollTop - clientHeight < near;
    }

    down(go = false) {
      this.log.scrollTop = this.log.scrollHeight;
      this.newer.hidden = true;
      if (go) this.log.focus({ preventScroll: true });
    }

    // --- read and unread --------------------------------------------------------------------------------------------------

    get read() {
      const read = this.line.shelf.get('read');
      return read && read.id === this.line.id ? read.seq : 0;
    }

    /** What is on an open panel in a visible tab has been read; the rest is counted on the launcher. */
    seen() {
      if (!this.panel.hidden && !document.hidden && this.atEnd() && this.last > this.read) {
        this.line.shelf.set('read', { id: this.line.id, seq: this.last });
      }
      if (this.atEnd()) this.newer.hidden = true;
      this.count();
    }

    count() {
      const { read } = this;
      const news = [...this.rows.values()].filter(({ message: m }) => m.seq > read && m.from !== 'customer').length;
      const words = this.words.news[news === 1 ? 0 : 1].replace('#', news);
      this.badge.textContent = news > 99 ? '99+' : news;
      this.badge.hidden = !news;
      this.launcher.setAttribute('aria-label', news ? `${this.words.open}, ${words}` : this.words.open);
      return news;
    }

    /** Somebody who is in another tab sees a number in this one's title, and nothing that blinks. */
    knock() {
      if (!document.hidden) return;
      this.title_ = this.title_ ?? document.title;
      document.title = `(${this.count() || 1}) ${this.title_}`;
    }

    shown() {
      clearTimeout(this.resting);
      if (document.hidden) {
        this.resting = setTimeout(() => this.line.stop(), HIDDEN);
        return;
      }
      if (this.title_ !== undefined) document.title = this.title_;
      this.title_ = undefined;
      this.wake();
      this.seen();
    }

    wake() {
      if (this.line.stored || !this.panel.hidden) this.line.start();
    }

    /** Another tab wrote: it read something, or began a new conversation. */
    elsewhere(event) {
      const name = (event.key || '').slice(this.line.shelf.prefix.length);
      if (name === 'read') this.count();
      if (name === 'chat' && this.line.stored) this.line.ready().then(() => this.line.start());
    }
  }

  customElements.define('remit-chat', RemitChat);

  // --- the script tag ------------------------------------------------------------------------------------------------

  function place() {
    if (!SCRIPT || document.querySelector('remit-chat')) return;
    const chat = document.createElement('remit-chat');
    chat.setAttribute('server', SCRIPT.src);
    Object.assign(chat.dataset, SCRIPT.dataset);
    document.body.append(chat);
  }
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', place);
  else place();
})();
