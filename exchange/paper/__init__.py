"""A local exchange that speaks Binance's USDT-margined futures dialect on 127.0.0.1.

Read it in this order: `tape` (recorded or simulated candles as a path of prices), `venue` (time,
orders and account together), `matching`, `execution`, `orders`, `algo`, `margin`, and then the
door: `server`, `door`, `auth`, `limits`, `faults`, `routes`, `streams`.
"""
