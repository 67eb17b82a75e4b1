//! punchout-proxy: dropped in front of a webshop that nobody may change, it gives that shop OCI punchout.
//!
//! Visitors pass through untouched. A buyer who comes from a procurement system by an OCI catalog call gets a punchout
//! session: signed in to the shop with the agreed account, free to shop, and at checkout the cart goes back to the
//! procurement system as `NEW_ITEM-*` fields instead of becoming an order.
//!
//! # The way of a request
//!
//! ```text
//! listener -> worker -> route ---- Visitor ----> forward -> answer, untouched (but for the shop's name, where visitors
//!                        |                                            know it by another: rewrite::own_name)
//!                        |-------- Enter ------> catalog call -> buyer? hook? -> sign in at the shop -> session
//!                        |                                                        -> 303 to a clean page
//!                        |-------- Shop -------> denied? -> forward -> page and headers rewritten
//!                        |                                    `- cart page: lines read, hand-over form added
//!                        |-------- Own(Return) -> the cart read anew and handed over
//!                        `-------- Over -------> the session has ended: a page that says so
//! ```
//!
//! One [`exchange::Exchange`] goes down this way; nothing comes back up by a side door, and every
//! [`problem::Problem`] becomes an answer in one place. Read [`proxy`] first: its `handle` is the story. What is pure
//! (routing, OCI, mapping, header surgery, price parsing) never awaits and is tested without a runtime.
//!
//! # The house
//!
//! Modules in the order in which data flows; `use` points down this list only.
//!
//! | module | what it does |
//! |---|---|
//! | [`command`] | one file per subcommand |
//! | [`demo`] | a small legacy shop and a small procurement system, for `demo` and the tests |
//! | [`survey`] | what is found on the pages of a shop that nobody has described, for `init` |
//! | [`server`] | listeners, acceptor, workers, time-outs, draining |
//! | [`admin`] | what ops ask a running proxy: is it ready, numbers, how much is logged |
//! | [`checkup`] | is all well? What `doctor` and the canary look at |
//! | [`proxy`] | the story of a request: route, forward, a session's requests, problems to pages |
//! | [`punchout`] | a session's life: how it begins, how its cart is handed over |
//! | [`exchange`] | what one request carries on its way |
//! | [`session`] | one punchout: its data, its cookie, the store |
//! | [`config`] | `proxy.toml`: what it may say, and the plan it is compiled to |
//! | [`shop`] | what we do at the shop on a buyer's behalf: visit pages, fill in forms, sign in |
//! | [`rewrite`] | the shop's page on its way back: codings, charsets, controls, policies, as it streams |
//! | [`upstream`] | connections to the shop: pool, time-outs, the retry rule |
//! | [`protocol`] | OCI: catalog call, hooks, fields, mapping, the hand-over form |
//! | [`cart`] | cart and lines, read from a page as it streams past; prices, units |
//! | [`policy`] | what is closed to punchout sessions |
//! | [`location`] | which pages a rule is about |
//! | [`selector`] | what is asked of a page: selectors as people write them, and what to do where they do not do |
//! | [`pages`] | the few pages of our own, in six languages |
//! | [`observe`] | the log, and what is counted |
//! | [`problem`] | what can go wrong with a request: side, code, status |
//! | [`finding`] | what became of a value that could not go through as it is |
//! | [`secret`] | a text that no log shows |
//! | [`socket`] | how bytes are given to a socket |

pub mod command;
pub mod demo;
pub mod survey;
pub mod server;
pub mod admin;
pub mod checkup;
pub mod proxy;
pub mod punchout;
pub mod exchange;
pub mod session;
pub mod config;
pub mod shop;
pub mod rewrite;
pub mod upstream;
pub mod protocol;
pub mod cart;
pub mod policy;
pub mod location;
pub mod selector;
pub mod pages;
pub mod observe;
pub mod problem;
pub mod finding;
pub mod secret;
pub mod socket;
